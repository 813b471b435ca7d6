"""Configs of this package by their name, ``sema_mm::NAME``."""

import pytest
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.hub import get_config

from sema_mm.config.config_file import load_config
from sema_mm.mmengine_patches import register_library
from tests.helpers.tool_runs import ROOT

NAME = 'digits/resnet18-w16_1xb32-sema-coslr-15e_digits.py'
BASE = 'digits/_base_/resnet18-w16_digits.py'


@pytest.fixture
def based(tmp_path):
    """Read a config that has only a base."""

    def read(name):
        path = tmp_path / 'config.py'
        path.write_text(f'_base_ = {name!r}\n')
        return Config.fromfile(path)

    return read


@pytest.mark.parametrize('name', [NAME, BASE])
def test_three_ways_to_one_config(based, name):
    wanted = Config.fromfile(ROOT / 'configs' / name).to_dict()
    assert get_config(f'sema_mm::{name}').to_dict() == wanted
    assert load_config(f'sema_mm::{name}').to_dict() == wanted
    assert based(f'sema_mm::{name}').to_dict() == wanted


def test_other_libraries_keep_their_scope(based):
    pytest.importorskip('mmpretrain')
    cfg = based('mmpretrain::resnet/resnet18_8xb16_cifar10.py')
    assert cfg.model._scope_ == 'mmpretrain'


def test_a_config_that_does_not_exist(based):
    with pytest.raises(FileNotFoundError, match='no/such.py'):
        based('sema_mm::no/such.py')
    with pytest.raises(ValueError, match=f'did you mean sema_mm::{NAME}?'):
        load_config(f'sema_mm::{NAME.replace("15e", "16e")}')


def test_registers_once():
    before = Config._get_cfg_path
    register_library()
    assert Config._get_cfg_path is before
    assert 'sema_mm' in MODULE2PACKAGE
