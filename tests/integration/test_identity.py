"""Without switches, a run is that of mmengine's EMAHook, bit for bit."""

import pytest
import torch
from mmengine.hooks import EMAHook, Hook

from sema_mm import SwitchEMAHook
from tests.helpers.exact import assert_differ, assert_same, differences, frozen
from tests.helpers.toy import build_runner, find_hook

SGD = dict(type='SGD', lr=0.1, momentum=0.9)
ADAMW = dict(type='AdamW', lr=0.02, weight_decay=0.1)
LOOPS = dict(epochs=dict(epochs=3), iters=dict(epochs=3, iters=18))

#: Arguments that mean the same to both hooks.
SAME_ARGUMENTS = dict(
    plain=dict(momentum=0.05),
    slow=dict(momentum=0.0002),
    fast=dict(momentum=0.5),
    begin_epoch=dict(momentum=0.05, begin_epoch=2),
    begin_last_epoch=dict(momentum=0.05, begin_epoch=3),
    begin_iter=dict(momentum=0.05, begin_iter=8),
    begin_last_iter=dict(momentum=0.05, begin_iter=18),
    interval=dict(momentum=0.05, interval=2),
    interval_begin_iter=dict(momentum=0.05, interval=4, begin_iter=3),
)
CASES = [
    pytest.param(loop, arguments, id=f'{loop}-{name}')
    for name, arguments in SAME_ARGUMENTS.items()
    for loop in LOOPS
    if loop == 'epochs' or 'begin_epoch' not in arguments
]


class Recorder(Hook):
    """Notes model, average and metrics as the run goes on."""

    priority = 'LOWEST'

    def __init__(self):
        self.models, self.averages, self.metrics = [], [], []

    def after_train_iter(self, runner, *args, **kwargs):
        self.models.append(frozen(dict(runner.model.state_dict())))
        average = average_of(runner)
        # Before the first update there is no average to compare.
        begun = int(average.state_dict()['steps']) > 0
        self.averages.append(
            frozen(dict(average.state_dict())) if begun else None
        )

    def after_val_epoch(self, runner, metrics=None):
        self.metrics.append((runner.epoch, runner.iter, dict(metrics)))
        self.models.append(frozen(dict(runner.model.state_dict())))


def average_of(runner):
    """Return the averaged model of either hook."""
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            return hook.ema_model
    return find_hook(runner, SwitchEMAHook).average


def record(work_dir, hook, loop, optimizer):
    """Train, and return all that the two hooks must agree in."""
    recorder = Recorder()
    runner = build_runner(
        work_dir,
        [hook, recorder],
        optim_wrapper=dict(optimizer=dict(optimizer)),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook',
                interval=1,
                by_epoch=loop == 'epochs',
                save_best='toy/score',
                rule='greater',
            )
        ),
        **LOOPS[loop],
    )
    runner.train()
    files = sorted(work_dir.glob('*.pth'))
    # The best one has no fixed name.
    assert len(files) == (3 if loop == 'epochs' else 18) + 1
    kept = ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers')
    checkpoints = {}
    for file in files:
        content = torch.load(file, weights_only=False)
        checkpoints[file.name] = frozen({k: content.get(k) for k in kept})
    assert recorder.metrics
    return dict(
        models=recorder.models,
        averages=recorder.averages,
        metrics=recorder.metrics,
        checkpoints=checkpoints,
        final=frozen(dict(runner.model.state_dict())),
    )


def record_both(tmp_path, loop, optimizer, theirs, ours):
    """Run mmengine's hook and ours on the same training."""
    ours = dict(dict(switch_interval=None), **ours)
    (tmp_path / 'theirs').mkdir()
    (tmp_path / 'ours').mkdir()
    expected = record(
        tmp_path / 'theirs',
        dict(type='mmengine.EMAHook', **theirs),
        loop,
        optimizer,
    )
    found = record(
        tmp_path / 'ours',
        dict(type='sema_mm.SwitchEMAHook', **ours),
        loop,
        optimizer,
    )
    return expected, found


@pytest.mark.parametrize('optimizer', [SGD, ADAMW], ids=['sgd', 'adamw'])
@pytest.mark.parametrize('loop, arguments', CASES)
def test_plain_ema_is_bit_identical(tmp_path, loop, arguments, optimizer):
    """Weights, averages, metrics and checkpoints equal EMAHook's."""
    expected, found = record_both(
        tmp_path, loop, optimizer, arguments, arguments
    )
    assert_same(found, expected)


@pytest.mark.parametrize('gamma', [1, 10, 100])
@pytest.mark.parametrize('loop', list(LOOPS))
def test_anneal_is_bit_identical_to_momentum_annealing(tmp_path, loop, gamma):
    """warmup='anneal' equals mmengine's MomentumAnnealingEMA."""
    expected, found = record_both(
        tmp_path,
        loop,
        SGD,
        dict(ema_type='MomentumAnnealingEMA', momentum=0.1, gamma=gamma),
        dict(warmup='anneal', momentum=0.1, gamma=gamma),
    )
    assert_same(found, expected)


@pytest.mark.parametrize('loop', list(LOOPS))
def test_averaged_buffers_are_bit_identical_but_for_integers(tmp_path, loop):
    """update_buffers=True: mmengine alone freezes the integer buffers."""
    arguments = dict(momentum=0.1, update_buffers=True)
    expected, found = record_both(tmp_path, loop, SGD, arguments, arguments)
    places = list(differences(found, expected))
    assert places
    assert all('num_batches_tracked' in place for place in places), places


@pytest.mark.parametrize('loop', list(LOOPS))
def test_control_a_switch_makes_the_difference(tmp_path, loop):
    """The comparison notices switches, in model, average and metrics."""
    by_epoch = loop == 'epochs'
    expected, found = record_both(
        tmp_path,
        loop,
        SGD,
        dict(momentum=0.05),
        dict(
            momentum=0.05,
            by_epoch=by_epoch,
            switch_interval=1 if by_epoch else 6,
        ),
    )
    for key in ('models', 'averages', 'metrics', 'checkpoints', 'final'):
        assert_differ(found[key], expected[key])
    # Up to the first switch nothing differs.
    assert_same(found['models'][:5], expected['models'][:5])


def test_control_another_momentum_makes_the_difference(tmp_path):
    """The comparison notices a momentum that differs by a millionth."""
    expected, found = record_both(
        tmp_path,
        'epochs',
        SGD,
        dict(momentum=0.05),
        dict(momentum=0.05 * (1 + 1e-6)),
    )
    assert_differ(found['averages'], expected['averages'])
    assert_same(found['models'], expected['models'])
