"""tools/dataset_converters/digits_coco.py."""

import pytest

from tests.helpers.tool_runs import run_tool

pytest.importorskip('mmdet')


@pytest.mark.slow
def test_makes_the_scenes(tmp_path):
    arguments = ['--data-root', 'made', '--splits', 'val']
    run = run_tool('dataset_converters/digits_coco', *arguments, cwd=tmp_path)
    assert run.returncode == 0, run.stdout
    assert 'made/val: 100 scenes, 452 digits' in run.stdout
    assert len(list((tmp_path / 'made' / 'val').glob('*.bmp'))) == 100
    (tmp_path / 'made' / 'test').mkdir()
    (tmp_path / 'made' / 'test' / 'mine.txt').touch()
    arguments[-1] = 'test'
    run = run_tool('dataset_converters/digits_coco', *arguments, cwd=tmp_path)
    assert run.returncode == 1
    assert run.stdout.splitlines()[-1].startswith('error: data_root=')
