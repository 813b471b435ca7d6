"""sema_mm/config/config_file.py: configs by their path, and by their library."""

import importlib
from pathlib import Path

import pytest

YOLOX = 'mmdet::yolox/yolox_tiny_8xb8-300e_coco'
WITH_A_DOT = 'mmpretrain::regnet/regnetx-1.6gf_8xb128_in1k'


@pytest.fixture
def tool(monkeypatch):
    return importlib.import_module('sema_mm.config.config_file')


@pytest.mark.parametrize('name', [YOLOX, WITH_A_DOT])
def test_a_config_of_a_library(tool, name):
    library = name.partition('::')[0]
    pytest.importorskip(library)
    short, long = tool.load_config(name), tool.load_config(f'{name}.py')
    assert short.to_dict() == long.to_dict()
    assert short.filename.endswith(name.partition('::')[2] + '.py')
    assert short.default_scope == library


def test_it_is_what_a_base_of_that_name_is(tool, tmp_path):
    pytest.importorskip('mmdet')
    path = tmp_path / 'config.py'
    path.write_text(f"_base_ = '{YOLOX}.py'\n")
    based = tool.load_config(str(path))
    assert based.model.pop('_scope_') == 'mmdet'
    assert tool.load_config(YOLOX).model.to_dict() == based.model.to_dict()


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('no.py', 'there is no config no.py'),
        (
            YOLOX.replace('300e', '30e'),
            f'8xb8-30e_coco.py: did you mean {YOLOX}.py or ',
        ),
        (YOLOX.replace('yolox/', 'x/'), f'did you mean {YOLOX}.py?'),
        ('mmdet::', 'mmdet has no config .py'),
        ('mmdet::qqqqqqqqqqqqqqqq', 'no config qqqqqqqqqqqqqqqq.py'),
        ('mmdett::a/b', 'no library mmdett installed, did you mean mmdet::?'),
        ('os::path', 'no library os installed'),
        ('::a', 'no library  installed'),
    ],
)
def test_names_that_do_not_exist(tool, name, words):
    pytest.importorskip('mmdet')
    with pytest.raises(ValueError) as caught:
        tool.load_config(name)
    assert words in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_library_that_is_not_installed(tool, monkeypatch):
    monkeypatch.setitem(tool.MODULE2PACKAGE, 'mmnothing', 'mmnothing')
    with pytest.raises(ValueError) as caught:
        tool.load_config('mmnothing::a/b')
    assert str(caught.value) == 'there is no library mmnothing installed'


def test_a_library_without_configs(tool, monkeypatch):
    monkeypatch.setitem(tool.MODULE2PACKAGE, 'tests', 'tests')
    assert not (Path(__file__).parents[1] / '.mim').exists()
    with pytest.raises(ValueError, match='tests is installed without its'):
        tool.load_config('tests::a/b')
