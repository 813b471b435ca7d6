"""Configs by their path, and by their library."""

from pathlib import Path

import pytest

from sema_mm.config import config_file
from sema_mm.config.config_file import load_config

YOLOX = 'mmdet::yolox/yolox_tiny_8xb8-300e_coco'
WITH_A_DOT = 'mmpretrain::regnet/regnetx-1.6gf_8xb128_in1k'


@pytest.mark.parametrize('name', [YOLOX, WITH_A_DOT])
def test_a_config_of_a_library(name):
    library = name.partition('::')[0]
    pytest.importorskip(library)
    short, long = load_config(name), load_config(f'{name}.py')
    assert short.to_dict() == long.to_dict()
    assert short.filename.endswith(name.partition('::')[2] + '.py')
    assert short.default_scope == library


def test_it_is_what_a_base_of_that_name_is(tmp_path):
    pytest.importorskip('mmdet')
    path = tmp_path / 'config.py'
    path.write_text(f"_base_ = '{YOLOX}.py'\n")
    based = load_config(str(path))
    assert based.model.pop('_scope_') == 'mmdet'
    assert load_config(YOLOX).model.to_dict() == based.model.to_dict()


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
def test_names_that_do_not_exist(name, words):
    pytest.importorskip('mmdet')
    with pytest.raises(ValueError) as caught:
        load_config(name)
    assert words in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_library_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(config_file.MODULE2PACKAGE, 'mmnothing', 'mmnothing')
    with pytest.raises(ValueError) as caught:
        load_config('mmnothing::a/b')
    assert str(caught.value) == 'there is no library mmnothing installed'


def test_a_library_without_configs(monkeypatch):
    monkeypatch.setitem(config_file.MODULE2PACKAGE, 'tests', 'tests')
    assert not (Path(__file__).parents[1] / '.mim').exists()
    with pytest.raises(ValueError, match='tests is installed without its'):
        load_config('tests::a/b')
