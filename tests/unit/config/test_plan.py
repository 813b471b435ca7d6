"""The plan of a config, which must be that of its run."""

import math
import re

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from sema_mm.config.plan import plan_of_config
from tests.helpers.tool_runs import TOY_CONFIG

ITERS = {
    'train_cfg': dict(by_epoch=False, max_iters=7, _delete_=True),
    'train_dataloader.sampler': dict(type='InfiniteSampler', shuffle=True),
    'param_scheduler': dict(type='ConstantLR', _delete_=True),
    'custom_hooks.0.by_epoch': False,
}


def toy(**changes):
    cfg = Config.fromstring(TOY_CONFIG, '.py')
    cfg.merge_from_dict(changes)
    return cfg


@pytest.mark.parametrize(
    'changes',
    [
        {'custom_hooks.0.switch_begin': 1},
        {'custom_hooks.0.momentum': 0.1},
        {'train_dataloader.batch_size': 5, 'train_dataloader.drop_last': True},
        {'train_dataloader.batch_size': 5},
        {'train_dataloader.num_batch_per_epoch': 2},
        {'optim_wrapper.accumulative_counts': 4},
        {'train_cfg.type': 'EpochBasedTrainLoop', 'train_cfg.by_epoch': None},
        {**ITERS, 'custom_hooks.0.switch_interval': 3},
        {'custom_hooks.0.switch_interval': None},
        {'custom_hooks.0.begin_iter': 8},
    ],
    ids=str,
)
def test_the_plan_is_what_the_run_says(changes, tmp_path, capsys):
    cfg = toy(work_dir=str(tmp_path), **changes)
    if 'train_cfg.type' in changes:
        del cfg.train_cfg['by_epoch']
    plan = plan_of_config(cfg, length=24)
    cfg.experiment_name = f'{tmp_path.name}_{id(cfg)}'
    Runner.from_cfg(cfg).train()
    said = capsys.readouterr().out
    assert plan.switches.describe(0) in said
    switched = re.findall(r'Switch \d+ after \w+ (\d+)', said)
    assert plan.units == list(map(int, switched))
    assert ('is longer than the' in said) == (plan.warning is not None)
    assert (plan.warning or '') in said


@pytest.mark.parametrize('length', [23, 24, 25])
@pytest.mark.parametrize('drop_last', [True, False])
def test_gpus_share_the_images(length, drop_last):
    changes = {'train_dataloader.drop_last': drop_last}
    for gpus in (1, 2, 5):
        plan = plan_of_config(toy(**changes), length, gpus)
        share = math.ceil(length / gpus)
        iters = share // 4 if drop_last else math.ceil(share / 4)
        assert plan.steps == iters
        assert plan.length.max_iters == 3 * iters


def test_a_sampler_that_looks_at_the_images():
    pytest.importorskip('mmdet')
    sampler = dict(type='mmdet.ClassAwareSampler', _delete_=True)
    cfg = toy(**{'train_dataloader.sampler': sampler})
    assert plan_of_config(cfg, 24, num_gpus=2).steps == 3


def test_the_least_of_several_optimizers_steps_first():
    wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    cfg = toy()
    cfg.optim_wrapper = dict(
        constructor='Ours',
        a=dict(wrapper, accumulative_counts=3),
        b=dict(wrapper, accumulative_counts=2),
    )
    assert plan_of_config(cfg, 24).steps == 3


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'custom_hooks': []}, 'neither SwitchEMAHook nor SwitchTargetHook'),
        ({'custom_hooks.0.switch_interval': 4}, 'never be switched'),
        ({'custom_hooks.0.momentum': 0.9}, 'momentum=0.9 is too large'),
        ({'custom_hooks.0.priority': 'LOWEST'}, 'leave its priority out'),
        ({'default_hooks': dict(a=dict(type='EMAHook'))}, 'two hooks average'),
        ({'train_cfg.by_epoch': False}, 'no max_iters'),
        ({'train_cfg': dict(_delete_=True)}, 'neither type nor by_epoch'),
        ({'train_cfg': dict(type='No', _delete_=True)}, "loop 'No'"),
        ({'train_dataloader': None}, 'no train_dataloader'),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_a_run_would_refuse(changes, words):
    with pytest.raises(ValueError, match=words):
        plan_of_config(toy(**changes), 24)


def test_numbers():
    with pytest.raises(ValueError, match='length=0 must be at least 1'):
        plan_of_config(toy(), 0)
    with pytest.raises(ValueError, match='num_gpus=0 must be at least 1'):
        plan_of_config(toy(), 24, num_gpus=0)


def test_a_plan_draws_no_random_number():
    numpy = pytest.importorskip('numpy')
    numpy.random.seed(1)
    expected = numpy.random.randint(2**31)
    numpy.random.seed(1)
    plan_of_config(toy(), 24)
    assert numpy.random.randint(2**31) == expected


def test_a_plan_of_a_target():
    hook = dict(type='sema_mm.SwitchTargetHook', switch_interval=2)
    cfg = Config(
        dict(
            default_scope='mmengine',
            custom_hooks=[hook],
            train_cfg=dict(by_epoch=True, max_epochs=5),
            train_dataloader=dict(
                batch_size=4, sampler=dict(type='DefaultSampler')
            ),
        )
    )
    plan = plan_of_config(cfg, 40)
    assert (plan.units, plan.steps) == ([2, 4], 20)
    assert plan.window is None and plan.warning is None
    cfg.custom_hooks.append(dict(type='sema_mm.SwitchEMAHook'))
    with pytest.raises(ValueError, match='two hooks write averages'):
        plan_of_config(cfg, 40)
