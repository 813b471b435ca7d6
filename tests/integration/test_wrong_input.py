"""What a user who writes something wrong is told: one sentence each."""

import pytest
import torch
from torch import nn

from sema_mm import SwitchEMA, SwitchEMAHook
from tests.helpers.toy import build_runner

ARGUMENTS = [  # arguments, the error's class, a part of its sentence
    (dict(momentum=0.999), ValueError, 'write momentum=0.001'),
    (dict(momentum=1), ValueError, 'above 0 and at most 0.5'),
    (dict(momentum=0), ValueError, 'above 0 and at most 0.5'),
    (dict(momentum=-0.1), ValueError, 'above 0 and at most 0.5'),
    (dict(momentum='0.1'), TypeError, 'momentum must be a number'),
    (dict(momentum=float('nan')), ValueError, 'finite number'),
    (dict(momentum=None), TypeError, 'momentum must be a number'),
    (dict(momentum=True), TypeError, 'momentum must be a number'),
    (dict(momentun=0.1), TypeError, "did you mean 'momentum'"),
    (dict(decay=0.999), TypeError, "no argument 'decay'"),
    (dict(switch_by='epoch'), TypeError, "no argument 'switch_by'"),
    (dict(switch_interval=0), ValueError, 'switch_interval=0 must be at'),
    (dict(switch_interval=1.5), TypeError, 'whole number'),
    (dict(switch_interval='1'), TypeError, 'whole number'),
    (dict(switch_begin=-1), ValueError, 'switch_begin=-1'),
    (dict(switch_begin=3, switch_end=3), ValueError, 'switch_end=3 must'),
    (
        dict(switch_interval=None, switch_begin=2),
        ValueError,
        'no effect with switch_interval=None',
    ),
    (dict(by_epoch='yes'), TypeError, 'by_epoch must be True or False'),
    (dict(by_epoch=None), TypeError, 'by_epoch must be True or False'),
    (dict(begin_epoch=-1), ValueError, 'begin_epoch=-1'),
    (dict(begin_epoch=1, begin_iter=1), ValueError, 'give one of them'),
    (
        dict(evaluate_on_ema=False),
        ValueError,
        'nothing would be evaluated',
    ),
    (dict(recalibrate_bn=True), TypeError, 'recalibrate_bn must be'),
    (dict(recalibrate_bn=-5), ValueError, 'recalibrate_bn=-5'),
    (
        dict(recalibrate_bn=5, update_buffers=True),
        ValueError,
        'BatchNorm statistics of the average: use one',
    ),
    (dict(max_nonfinite=0), ValueError, 'max_nonfinite=0'),
    (dict(warmup='cosine'), ValueError, "'constant', 'linear', 'exp'"),
    (dict(warmup='linear'), ValueError, 'needs warmup_iters'),
    (dict(warmup_iters=5), ValueError, 'no effect with warmup=None'),
    (
        dict(warmup='anneal', warmup_iters=5),
        ValueError,
        "no effect with warmup='anneal'",
    ),
    (
        dict(warmup='exp', warmup_iters=5, warmup_ratio=1.5),
        ValueError,
        'warmup_ratio=1.5',
    ),
    (dict(gamma=100), ValueError, "write warmup='anneal'"),
    (dict(warmup='anneal', gamma=0), ValueError, 'gamma=0 is out of range'),
    (dict(warmup='anneal', gamma='x'), TypeError, 'gamma must be a number'),
    (dict(interval=0), ValueError, 'interval=0 must be at least 1'),
    (dict(update_buffers=1), TypeError, 'update_buffers must be'),
    (dict(device='gpu'), ValueError, "device='gpu' cannot be used"),
    (dict(strict_load='no'), TypeError, 'strict_load must be'),
]


@pytest.mark.parametrize('arguments, error, part', ARGUMENTS, ids=str)
def test_wrong_arguments(arguments, error, part):
    with pytest.raises(error) as caught:
        SwitchEMAHook(**arguments)
    sentence = str(caught.value)
    assert part in sentence
    assert '\n' not in sentence and len(sentence) < 450


RUNS = [  # the hook's arguments, the runner's, a part of the sentence
    (dict(switch_interval=4), {}, 'the run has 3'),
    (dict(switch_begin=3), {}, 'would never be switched'),
    (dict(begin_epoch=4), {}, 'begin_epoch=4 is after the end'),
    (dict(begin_iter=99), {}, 'begin_iter=99 is after the end'),
    ({}, dict(iters=6), 'write by_epoch=False'),
    (
        dict(switch_interval=None, begin_epoch=1),
        dict(iters=6),
        'write begin_iter',
    ),
    (dict(priority='LOWEST'), {}, 'leave its priority out'),
    (dict(priority=95), {}, 'written before the switch'),
]


@pytest.mark.parametrize('hook, run, part', RUNS, ids=str)
def test_wrong_runs(tmp_path, hook, run, part):
    hook = dict(type='sema_mm.SwitchEMAHook', momentum=0.2, **hook)
    runner = build_runner(tmp_path, hook, **run)
    with pytest.raises(ValueError) as caught:
        runner.train()
    assert part in str(caught.value)
    assert not list(tmp_path.glob('*.pth'))


def test_wrong_models():
    with pytest.raises(TypeError, match='must be a torch.nn.Module'):
        SwitchEMA([nn.Linear(1, 1)])
    with pytest.raises(ValueError, match="'weight' is lazy"):
        SwitchEMA(nn.LazyLinear(2))
    model = nn.Linear(1, 1)
    average = SwitchEMA(model)
    with average.swapped(model):
        for action in (
            lambda: average.update_parameters(model),
            lambda: average.switch_parameters(model),
            lambda: average.swapped(model).__enter__(),
            lambda: average.load_state_dict(average.state_dict()),
        ):
            with pytest.raises(RuntimeError, match='holds the average'):
                action()


def test_the_model_inside_a_deepspeed_engine_is_refused():
    model = nn.Linear(1, 1)
    model.weight.ds_id = 0  # as DeepSpeed marks what it shards
    with pytest.raises(
        RuntimeError, match='average the engine, not the model inside'
    ):
        SwitchEMA(model)


def test_wrong_state_dicts():
    average = SwitchEMA(nn.Linear(2, 2))
    with pytest.raises(RuntimeError, match='module.bias'):
        average.load_state_dict({'module.weight': torch.ones(2, 2)})
    with pytest.raises(RuntimeError, match=r'has shape \(3,\)'):
        average.load_state_dict(
            {**average.state_dict(), 'module.bias': torch.ones(3)}
        )
    with pytest.raises(RuntimeError, match='Unexpected.*weight'):
        average.load_state_dict({**average.state_dict(), 'weight': 1})


def test_a_checkpoint_of_another_model(tmp_path):
    hook = dict(type='sema_mm.SwitchEMAHook', momentum=0.2)
    build_runner(tmp_path, hook).train()
    path = tmp_path / 'epoch_3.pth'
    state = torch.load(path, weights_only=False)
    for part, start in (('state_dict', ''), ('ema_state_dict', 'module.')):
        state[part] = {
            key.replace(start, f'{start}other.', 1): value
            for key, value in state[part].items()
        }
    torch.save(state, path)
    with pytest.raises(ValueError, match='it is of another model'):
        build_runner(tmp_path, hook, resume=True, epochs=4).train()
