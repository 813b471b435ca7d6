"""The hooks of a config, before anything is built."""

import pytest
from mmengine.config import Config
from mmengine.hooks import CheckpointHook

from sema_mm import SwitchEMAHook
from sema_mm.config.hooks import ConfigHooks


class Inherited(SwitchEMAHook):
    pass


def averages(hook):
    return bool(ConfigHooks(Config(dict(custom_hooks=[hook]))).averaging)


def averaging_hooks(cfg):
    return [hook.config for hook in ConfigHooks(cfg).averaging]


@pytest.mark.parametrize(
    ('kind', 'expected'),
    [
        ('EMAHook', True),
        ('mmengine.EMAHook', True),
        ('sema_mm.SwitchEMAHook', True),
        ('somewhere.else.SWAHook', True),
        ('CheckpointHook', False),
        ('SwAVHook', False),
        (CheckpointHook, False),
    ],
)
def test_hooks_that_average(kind, expected):
    assert averages(dict(type=kind)) is expected


def test_hooks_of_other_libraries_that_average():
    hooks = pytest.importorskip('mmpretrain.engine.hooks')
    assert averages(dict(type='mmpretrain.EMAHook', momentum=0.1))
    assert averages(dict(type=hooks.EMAHook))
    assert averages(hooks.EMAHook())
    assert not averages(dict(type='mmpretrain.PreciseBNHook'))


def test_where_hooks_are():
    ema, ours = dict(type='EMAHook'), dict(type=Inherited)
    cfg = Config(dict(default_hooks=dict(a=ema, b=None), custom_hooks=[ours]))
    assert averaging_hooks(cfg) == [ema, ours]
    hooks = ConfigHooks(cfg)
    assert [hook.config for hook in hooks.ours] == [ours]
    assert [hook.name for hook in hooks.averaging] == ['EMAHook', 'Inherited']
    single = Config(dict(custom_hooks=ema))
    assert averaging_hooks(single) == [ema]
    assert not ConfigHooks(single).ours
    assert averaging_hooks(Config(dict())) == []
