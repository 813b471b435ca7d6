"""tools/age_lists.py."""

import sys

import pytest

pytest.importorskip('mmpretrain')

from sema_mm.tasks.regression import AgeDB, IMDBWiki  # noqa: E402
from tests import tiny_data  # noqa: E402
from tests.test_tasks.test_regression.test_imdb_wiki_meta import (  # noqa: E402
    write_table,
)
from tests.tool_runs import load_tool  # noqa: E402


@pytest.fixture
def run(monkeypatch):
    def run(*args):
        words = ['age_lists.py', *map(str, args)]
        monkeypatch.setattr(sys, 'argv', words)
        load_tool('age_lists', monkeypatch).main()

    return run


def test_lists_of_agedb_are_those_of_the_dataset(run, tmp_path, capsys):
    tiny_data.write_agedb(tmp_path, 40)
    run('agedb', tmp_path)
    sizes = []
    for split in ('train', 'val', 'test'):
        listed = AgeDB(str(tmp_path), ann_file=f'{split}.txt')
        assert list(listed) == list(AgeDB(str(tmp_path), split))
        sizes.append(len(listed))
    said = capsys.readouterr().out
    assert f'train.txt: {sizes[0]} images' in said
    assert sum(sizes) == 40


def test_lists_of_imdb_wiki(run, tmp_path, capsys):
    for name in ('imdb', 'wiki'):
        write_table(tmp_path, name)
        (tmp_path / f'{name}_crop' / '00').mkdir()
        for image in ('a', 'b'):
            (tmp_path / f'{name}_crop' / '00' / f'{image}.jpg').touch()
    run('imdb-wiki', tmp_path)
    assert 'left out for an impossible age: 6' in capsys.readouterr().out
    ages = [info['gt_score'].item() for info in IMDBWiki(str(tmp_path))]
    assert ages == [30, 29, 30, 29]


def test_a_published_split(run, tmp_path):
    (tmp_path / 'given.csv').write_text(
        'age,path,split\n31,AgeDB/1.jpg,train\n8,AgeDB/2.jpg,test\n'
    )
    run('csv', tmp_path, '--file', tmp_path / 'given.csv')
    assert (tmp_path / 'train.txt').read_text() == 'AgeDB/1.jpg,31\n'
    assert (tmp_path / 'test.txt').read_text() == 'AgeDB/2.jpg,8\n'
    assert (tmp_path / 'val.txt').read_text() == ''


@pytest.mark.parametrize('row', ['x,a.jpg,train', '3,a.jpg,dev', '3,a.jpg'])
def test_a_wrong_split(run, tmp_path, row):
    (tmp_path / 'given.csv').write_text(f'age,path,split\n{row}\n')
    with pytest.raises(SystemExit, match='error: .*given.csv has a row that'):
        run('csv', tmp_path, '--file', tmp_path / 'given.csv')
    assert not (tmp_path / 'train.txt').exists()


def test_wrong_arguments(run, tmp_path, capsys):
    with pytest.raises(SystemExit, match='error: there are no images in'):
        run('agedb', tmp_path)
    with pytest.raises(SystemExit, match='error: .*wiki|error: .*imdb'):
        run('imdb-wiki', tmp_path)
    for args in (('csv',), ('agedb', '--file', 'a.csv')):
        with pytest.raises(SystemExit, match='2'):
            run(args[0], tmp_path, *args[1:])
        assert 'csv needs it' in capsys.readouterr().err
