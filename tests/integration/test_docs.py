"""What the documents name must be there."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import HOOKS

from sema_mm import SwitchEMAHook

ROOT = Path(__file__).parents[2]
README = (ROOT / 'README.md').read_text()
DOCS = [
    path
    for pattern in (
        '*.md',
        'docs/**/*.md',
        'configs/**/*.md',
        'research/**/*.md',
    )
    for path in ROOT.glob(pattern)
]


@pytest.mark.parametrize('path', DOCS, ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r'\]\((?!http)([^)#]*)', path.read_text()):
        assert (path.parent / target).exists(), target


def test_deviations_name_tests_that_exist():
    text = (ROOT / 'docs/en/deviations.md').read_text()
    file = ''
    named = re.findall(r'`((?:\w+/)*test_\w+\.py)?(?:::)?(test_\w+)?`', text)
    assert len(named) > 30
    for new_file, name in named:
        file = new_file or file
        source = (ROOT / 'tests' / file).read_text()
        assert re.search(rf'^def {name or "test_"}', source, re.M), (
            file,
            name,
        )


def test_the_table_of_promises_has_its_tests():
    rows = re.findall(r'^\| (\d+) \|', README, re.M)
    contract = (ROOT / 'tests/integration/test_contract.py').read_text()
    assert len(rows) == 24
    for row in rows:
        if row not in ('12', '16', '17'):  # have files of their own
            assert f'def test_{int(row):02}_' in contract


def readme_config(tmp_path, number, base=None):
    """Load a config of the README, on another base config if given."""
    blocks = re.findall(r'```python\n(.*?)```', README, re.S)
    configs = [block for block in blocks if 'custom_hooks' in block]
    text = configs[number]
    if base:
        text = f'_base_ = {base!r}\n{text}'
    path = tmp_path / 'config.py'
    path.write_text(text)
    return Config.fromfile(path)


def test_the_first_config_of_the_readme(tmp_path):
    pytest.importorskip('mmpretrain')
    cfg = readme_config(tmp_path, 0)
    (hook,) = cfg.custom_hooks
    assert isinstance(HOOKS.build(hook), SwitchEMAHook)
    assert cfg.model.backbone.depth == 50


def test_the_second_config_keeps_the_other_hooks(tmp_path):
    pytest.importorskip('mmdet')
    base = 'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'
    cfg = readme_config(tmp_path, 1, base)
    assert [hook.type for hook in cfg.custom_hooks] == [
        'PipelineSwitchHook',
        'sema_mm.SwitchEMAHook',
    ]
