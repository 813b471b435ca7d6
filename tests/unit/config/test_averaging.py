"""What --averaging makes of configs."""

import pytest
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.registry import HOOKS

from sema_mm.config.averaging import change_averaging
from sema_mm.config.config_file import load_config
from tests.helpers.tool_runs import ROOT, TOY_CONFIG

DIGITS = ROOT / 'configs' / 'digits'
NAME = 'resnet18-w16_1xb32-{}coslr-15e_digits.py'
OURS = 'sema_mm.SwitchEMAHook'
OTHER = dict(type='EmptyCacheHook')
SYNC = dict(type='SyncBuffersHook')


def change(cfg, averaging, *, images=24, gpus=1, **arguments):
    """Change a config's averaging; give its hooks and what is said."""
    notes = change_averaging(
        *(cfg, averaging),
        **arguments,
        images=lambda: images,
        num_gpus=gpus,
    )
    return [plain(hook) for hook in cfg.custom_hooks], notes


def plain(hook):
    return {k: v for k, v in hook.items() if k != '_scope_'}


def toy(*hooks, **changes):
    cfg = Config.fromstring(TOY_CONFIG, '.py')
    cfg.custom_hooks = list(hooks)
    cfg.merge_from_dict(changes)
    return cfg


def no_images():
    raise RuntimeError('nobody may count')


def upstream(name):
    """Read a config that a library brings."""
    pytest.importorskip(name.partition('::')[0])
    return load_config(name)


RTMDET = dict(
    momentum=0.0002,
    update_buffers=True,
    priority=49,
    warmup='exp_momentum',
    gamma=2000,
)
UPSTREAM = [
    (
        'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py',
        ['EMAHook', 'PipelineSwitchHook'],
        0,
        (117266, 8),
        RTMDET,
        0.01,
    ),
    (
        'mmdet::yolox/yolox_tiny_8xb8-300e_coco.py',
        ['YOLOXModeSwitchHook', 'SyncNormHook', 'EMAHook'],
        2,
        (118287, 8),
        dict(RTMDET, momentum=0.0001),
        0.002,
    ),
    (
        'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
        [],
        0,
        (117266, 8),
        dict(momentum=0.001),
        0.001,
    ),
    (
        'mmpretrain::convnext/convnext-tiny_32xb128_in1k.py',
        ['EMAHook'],
        0,
        (1281167, 32),
        dict(momentum=0.0001, priority='ABOVE_NORMAL'),
        0.01,
    ),
    (
        'mmpretrain::resnet/resnet50_8xb32_in1k.py',
        [],
        0,
        (1281167, 8),
        dict(momentum=0.001),
        0.001,
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'before', 'place', 'shared', 'carried', 'fitting'),
    UPSTREAM,
    ids=[row[0] for row in UPSTREAM],
)
def test_hooks_of_upstream_before_and_after(
    name, before, place, shared, carried, fitting
):
    cfg = upstream(name)
    own = [plain(hook) for hook in cfg.get('custom_hooks', [])]
    assert [hook['type'] for hook in own] == before
    others = [hook for hook in own if hook['type'] != 'EMAHook']
    images, gpus = shared

    after, notes = change(upstream(name), 'none')
    assert after == others and notes == []

    ema = dict(type=OURS, switch_interval=None, **carried)
    after, notes = change(upstream(name), 'ema')
    assert after.pop(place) == ema
    assert after == others and notes == []

    sema = dict(ema, switch_interval=1, momentum=fitting)
    after, notes = change(upstream(name), 'sema', images=images, gpus=gpus)
    assert after.pop(place) == sema
    assert after == others
    (note,) = notes
    assert note.startswith(f'momentum={fitting}')


@pytest.mark.parametrize('method', ['none', 'ema', 'sema'])
def test_the_siblings_come_of_each_other(method):
    """But for the momentum, which is given."""
    pytest.importorskip('mmpretrain')
    files = {
        'none': NAME.format(''),
        'ema': NAME.format('ema-'),
        'sema': NAME.format('sema-'),
    }
    expected = Config.fromfile(DIGITS / files[method]).get('custom_hooks', [])
    for source in ('ema', 'sema'):
        cfg = Config.fromfile(DIGITS / files[source])
        given = {} if method == 'none' else dict(momentum=0.1)
        assert change(cfg, method, **given)[0] == expected


def test_keep_changes_nothing():
    cfg = toy(dict(type='EMAHook'), OTHER)
    before = cfg.to_dict()
    assert change(cfg, 'keep')[1] == []
    assert cfg.to_dict() == before


@pytest.mark.parametrize(
    'hook',
    [
        dict(type='EMAHook'),
        dict(type='mmengine.EMAHook'),
        dict(type='mmpretrain.EMAHook'),
        dict(type='EMAHook', _scope_='mmpretrain'),
        dict(type=EMAHook),
        EMAHook(),
        dict(type=OURS),
        dict(type='somewhere.SWAHook', swa_start=3),
        dict(type='EMAHook', ema_type='StochasticWeightAverage'),
    ],
    # The text of an object has its address, which differs between workers.
    ids=lambda hook: str(hook) if isinstance(hook, dict) else 'an object',
)
def test_every_kind_of_averaging_hook_is_replaced(hook):
    pytest.importorskip('mmpretrain')
    assert change(toy(OTHER, hook, SYNC), 'none')[0] == [OTHER, SYNC]
    after, _ = change(toy(OTHER, hook, SYNC), 'ema')
    assert [h['type'] for h in after] == [OTHER['type'], OURS, SYNC['type']]


def test_hooks_of_other_places():
    """One among the default hooks, one without a list, two of them."""
    ema = dict(type='EMAHook', momentum=0.2)
    cfg = toy(OTHER, default_hooks=dict(ema=ema, timer=OTHER))
    after, _ = change(cfg, 'ema')
    ours = dict(type=OURS, momentum=0.2, switch_interval=None)
    assert after == [OTHER, ours]
    assert list(cfg.default_hooks) == ['timer']
    cfg = toy()
    cfg.custom_hooks = ema
    assert change(cfg, 'ema')[0] == [ours]
    assert change(toy(ema, OTHER, ema), 'ema')[0] == [ours, OTHER]


NEW_STYLE = """
from mmengine.hooks import EMAHook, EmptyCacheHook
from mmengine.model import MomentumAnnealingEMA
from mmengine.runner import EpochBasedTrainLoop
from sema_mm import SwitchEMAHook

train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=3)
custom_hooks = [dict(type=EmptyCacheHook), dict({})]
"""


@pytest.mark.parametrize(
    ('hook', 'expected'),
    [
        (
            'type=EMAHook, ema_type=MomentumAnnealingEMA, momentum=0.02',
            dict(type=OURS, momentum=0.02, warmup='anneal', gamma=100),
        ),
        (
            'type=SwitchEMAHook, momentum=0.02',
            dict(
                type='sema_mm.hooks.switch_ema_hook.SwitchEMAHook',
                momentum=0.02,
            ),
        ),
    ],
    ids=['theirs', 'ours'],
)
def test_a_config_in_the_new_style(tmp_path, hook, expected):
    """Types are classes there; the text of the result must be a config."""
    path = tmp_path / 'new.py'
    path.write_text(NEW_STYLE.format(hook))
    cfg = Config.fromfile(path)
    (other, ours), notes = change(cfg, 'ema')
    assert notes == []
    assert ours == dict(expected, switch_interval=None)
    HOOKS.build(ours)
    text = Config.fromstring(cfg.pretty_text, '.py')
    other, ours = text.custom_hooks
    assert other == dict(type='mmengine.hooks.EmptyCacheHook')
    assert ours == dict(expected, switch_interval=None)


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (dict(), dict(momentum=0.0002)),
        (dict(momentum=0.01, interval=2), dict(momentum=0.01, interval=2)),
        (dict(momentum=0.1, _scope_='mmdet'), dict(momentum=0.1)),
        (
            dict(ema_type='mmdet.ExpMomentumEMA', gamma=1000),
            dict(momentum=0.0002, warmup='exp_momentum', gamma=1000),
        ),
        (
            dict(ema_type='MomentumAnnealingEMA'),
            dict(momentum=0.0002, warmup='anneal', gamma=100),
        ),
        (
            dict(begin_epoch=2, strict_load=True, update_buffers=True),
            dict(
                momentum=0.0002,
                begin_epoch=2,
                strict_load=True,
                update_buffers=True,
            ),
        ),
    ],
    ids=str,
)
def test_arguments_are_carried_over(arguments, expected):
    pytest.importorskip('mmdet')
    (hook,), notes = change(toy(dict(type='EMAHook', **arguments)), 'ema')
    assert hook == dict(type=OURS, switch_interval=None, **expected)
    assert notes == []
    HOOKS.build(hook)


def test_what_is_lost_is_said():
    lost = dict(type='EMAHook', ema_type='StochasticWeightAverage', typo=1)
    (hook,), notes = change(toy(lost), 'ema')
    assert hook['momentum'] == 0.001
    assert notes == [
        "EMAHook had ema_type='StochasticWeightAverage', typo=1, "
        'which is not kept'
    ]


def test_a_schedule_of_ours_is_kept():
    ours = dict(type=OURS, momentum=0.5, switch_begin=1, recalibrate_bn=2)
    (hook,), _ = change(toy(ours), 'sema', momentum=0.4)
    assert hook == dict(ours, momentum=0.4, switch_interval=1)
    (hook,), _ = change(toy(ours), 'sema', switch_interval=2)
    assert hook == dict(ours, switch_interval=2)
    (hook,), _ = change(toy(ours), 'ema')
    del ours['switch_begin']
    assert hook == dict(ours, switch_interval=None)
    # Iterations are not epochs.
    by_iter = dict(ours, by_epoch=False, switch_interval=7, switch_begin=3)
    assert change(toy(by_iter), 'sema')[0] == [by_iter]
    (hook,), _ = change(toy(by_iter), 'sema', switch_interval=2)
    assert hook == dict(ours, switch_interval=2)


@pytest.mark.parametrize(
    ('own', 'images', 'gpus', 'chosen', 'words'),
    [
        (0.01, 1200, 1, 0.01, 'momentum=0.01, that of the config: its window'),
        (0.01, 1196, 1, 0.02, 'is 100 optimizer steps, more than a third of'),
        (0.01, 1200, 2, 0.02, 'a third of the 150 optimizer steps'),
        (None, 12000, 1, 0.001, 'momentum=0.001, the default'),
        (None, 1200, 1, 0.01, 'the window of 0.001, the default, is 1000'),
    ],
)
def test_the_window_fits_a_third(own, images, gpus, chosen, words):
    hooks = [] if own is None else [dict(type='EMAHook', momentum=own)]
    cfg = toy(*hooks)
    (hook,), (note,) = change(cfg, 'sema', images=images, gpus=gpus)
    assert hook['momentum'] == chosen
    assert words in note


def test_accumulation_and_interval_count():
    hook = dict(type='EMAHook', momentum=0.01, interval=2)
    cfg = toy(hook, **{'optim_wrapper.accumulative_counts': 3})
    (after,), _ = change(cfg, 'sema', images=7200)
    assert after['momentum'] == 0.01
    (after,), _ = change(cfg, 'sema', images=7100)
    assert after['momentum'] == 0.02


ITERS = {'train_cfg': dict(by_epoch=False, max_iters=90, _delete_=True)}


def test_iterations():
    (hook,), _ = change(toy(**ITERS), 'sema', switch_interval=30, images=None)
    assert hook == dict(
        type=OURS, momentum=0.1, by_epoch=False, switch_interval=30
    )
    (hook,), _ = change(toy(**ITERS), 'ema')
    assert hook == dict(type=OURS, momentum=0.001, switch_interval=None)


def test_images_are_counted_only_for_the_window():
    for args in (('ema',), ('none',), ('sema', 0.1, 2)):
        change_averaging(toy(), *args, images=no_images)


def test_by_default_the_data_set_is_counted():
    (note,) = change_averaging(toy(), 'sema', switch_interval=2)
    assert 'a third of the 12 optimizer steps' in note


@pytest.mark.parametrize(
    ('averaging', 'arguments', 'changes', 'words'),
    [
        ('keep', dict(momentum=0.1), {}, 'write --averaging ema or sema'),
        ('none', dict(momentum=0.1), {}, 'no effect with --averaging none'),
        ('ema', dict(switch_interval=2), {}, 'write --averaging sema'),
        ('keep', dict(switch_interval=2), {}, 'write --averaging sema'),
        ('sema', {}, ITERS, 'needs --switch-interval N, in iterations'),
        ('sema', dict(switch_interval=0), {}, 'must be at least 1'),
        ('sema', dict(switch_interval=4), {}, 'never be switched'),
        ('sema', {}, {'train_cfg.type': 'No'}, "loop 'No' of train_cfg"),
        ('swa', {}, {}, "one of keep, none, ema, sema; got 'swa'"),
    ],
)
def test_wrong_arguments(averaging, arguments, changes, words):
    with pytest.raises(ValueError, match=words):
        change(toy(**changes), averaging, **arguments)


@pytest.mark.parametrize('method', ['none', 'ema', 'sema'])
def test_the_average_of_a_model_is_not_replaced(method):
    hook = dict(type='sema_mm.SwitchTargetHook', switch_interval=2)
    cfg = toy(OTHER, hook)
    with pytest.raises(ValueError, match='does not know SwitchTargetHook'):
        change(cfg, method)
    assert change(cfg, 'keep')[0] == [OTHER, hook]
