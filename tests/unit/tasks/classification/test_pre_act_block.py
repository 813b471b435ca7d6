"""The package of backbones, and what it needs."""

import importlib
import sys

import pytest

pytest.importorskip('mmpretrain')

from mmpretrain.registry import MODELS  # noqa: E402

from sema_mm.tasks import classification as models  # noqa: E402

SMALL_ARCH = {'depths': [1], 'growth_rate': 8, 'init_channels': 16}
SMALL = {
    'ConvNeXt_CIFAR': {'arch': {'depths': [1] * 4, 'channels': [8] * 4}},
    'DenseNet_CIFAR': {'arch': SMALL_ARCH},
    'ResNeXt_CIFAR': {'depth': 50, 'base_channels': 16, 'stem_channels': 16},
    'WideResNet': {'depth': 10, 'widen_factor': 1},
}


def test_a_missing_mmpretrain_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmpretrain.models', None)
    with pytest.raises(
        ImportError, match='^sema_mm.tasks.classification needs mmpretrain'
    ):
        importlib.reload(models)


@pytest.mark.parametrize('name', SMALL)
def test_each_builds_by_its_dotted_name(name):
    backbone = MODELS.build(
        {'type': f'sema_mm.tasks.classification.{name}', **SMALL[name]}
    )
    assert type(backbone) is getattr(models, name)
