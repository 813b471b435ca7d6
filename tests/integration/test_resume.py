"""An interrupted and resumed run ends like one that was never stopped.

The run is stopped by an exception right after a checkpoint was written, at
every epoch or iteration in turn; a new runner resumes it, with other initial
weights and other random numbers. Everything is compared bit for bit.
"""

import random

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.runner._flexible_runner import FlexibleRunner

from sema_mm import SwitchEMAHook
from tests.helpers.exact import assert_differ, assert_same, differences, frozen
from tests.helpers.toy import ToyModel, build_runner, find_hook

SIZES = dict(epochs=4, iters=8)
SGD = dict(type='SGD', lr=0.1, momentum=0.9)
ADAMW = dict(type='AdamW', lr=0.02, weight_decay=0.1)


class InputsOfItsDtype(ToyModel):
    """The toy model, for images of another precision."""

    def forward(self, inputs, label=None, mode='tensor'):
        if isinstance(inputs, list):
            inputs, label = torch.stack(inputs), torch.stack(label)
        inputs = inputs.to(self.conv.weight.dtype)
        return super().forward(inputs, label, mode)


def bfloat16_model():
    return InputsOfItsDtype().to(torch.bfloat16)


def variant(loops='both', model=ToyModel, runner=Runner, **hook):
    """Describe one way to train."""
    optimizer = hook.pop('optimizer', SGD)
    counts = hook.pop('counts', 1)
    return dict(
        loops=('epochs', 'iters') if loops == 'both' else (loops,),
        hook=dict(dict(momentum=0.1), **hook),
        model=model,
        changes=dict(
            optim_wrapper=dict(
                optimizer=dict(optimizer), accumulative_counts=counts
            ),
            runner_type=runner,
        ),
    )


BY_ITERATION = dict(by_epoch=False, switch_interval=3)
VARIANTS = dict(
    by_epoch=variant('epochs'),
    every_second_epoch=variant('epochs', switch_interval=2, momentum=0.3),
    by_iteration=variant(**BY_ITERATION),
    every_iteration=variant(by_epoch=False, switch_interval=1),
    begin_and_end=variant(
        by_epoch=False, switch_interval=2, switch_begin=1, switch_end=5
    ),
    plain=variant(switch_interval=None),
    begin_epoch=variant('epochs', begin_epoch=2),
    begin_iter=variant(begin_iter=4, **BY_ITERATION),
    interval=variant(interval=3, **BY_ITERATION),
    update_buffers=variant(update_buffers=True, **BY_ITERATION),
    recalibrate_bn_by_epoch=variant('epochs', recalibrate_bn=2),
    recalibrate_bn=variant(recalibrate_bn=2, **BY_ITERATION),
    recalibrate_bn_plain=variant(recalibrate_bn=2, switch_interval=None),
    linear=variant(warmup='linear', warmup_iters=9, **BY_ITERATION),
    anneal=variant(warmup='anneal', gamma=3, **BY_ITERATION),
    # Interval 5: the last iteration switches in neither loop, as the origin
    # of a switch is not kept in a checkpoint.
    origin=variant(evaluate_on_origin=True, by_epoch=False, switch_interval=5),
    adamw_by_epoch=variant('epochs', optimizer=ADAMW),
    adamw=variant(optimizer=ADAMW, **BY_ITERATION),
    accumulation=variant('epochs', counts=3),
    bfloat16_by_epoch=variant('epochs', model=bfloat16_model, momentum=0.01),
    bfloat16=variant(model=bfloat16_model, momentum=0.01, **BY_ITERATION),
    bfloat16_buffers=variant(
        model=bfloat16_model,
        momentum=0.01,
        update_buffers=True,
        **BY_ITERATION,
    ),
    bfloat16_plain=variant(
        model=bfloat16_model, momentum=0.01, switch_interval=None
    ),
    flexible_by_epoch=variant('epochs', runner=FlexibleRunner),
    flexible=variant(runner=FlexibleRunner, **BY_ITERATION),
    flexible_plain=variant(runner=FlexibleRunner, switch_interval=None),
)
#: The rest is left out of a quick run.
QUICK = [
    'by_epoch-epochs',
    'by_iteration-iters',
    'plain-epochs',
    'update_buffers-epochs',
    'recalibrate_bn_by_epoch-epochs',
    'bfloat16_by_epoch-epochs',
    'flexible_by_epoch-epochs',
]
CASES = [
    pytest.param(
        how,
        loop,
        id=f'{name}-{loop}',
        marks=() if f'{name}-{loop}' in QUICK else pytest.mark.slow,
    )
    for name, how in VARIANTS.items()
    for loop in how['loops']
]


@pytest.fixture(autouse=True)
def torch_as_shipped(monkeypatch):
    """Load checkpoints as torch does by default."""
    name = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
    monkeypatch.delenv(name, raising=False)


class Interruption(Exception):
    """Stands for whatever stops a run."""


class Watch(Hook):
    """Notes the state at the start of training, and can stop the run."""

    priority = 'LOWEST'

    def __init__(self, stop=None, by_epoch=True):
        self.stop, self.by_epoch = stop, by_epoch
        self.start, self.stopped, self.metrics = None, None, {}

    def before_train(self, runner):
        self.start = frozen(state_of(runner))

    def after_train_iter(self, runner, *args, **kwargs):
        if not self.by_epoch and runner.iter + 1 == self.stop:
            self.interrupt(runner)

    def after_train_epoch(self, runner):
        if self.by_epoch and runner.epoch + 1 == self.stop:
            self.interrupt(runner)

    def after_val_epoch(self, runner, metrics=None):
        self.metrics[runner.epoch, runner.iter] = dict(metrics)

    def interrupt(self, runner):
        self.stopped = frozen(state_of(runner))
        raise Interruption


def state_of(runner, settled=False):
    """Collect all that training goes on from."""
    hook = find_hook(runner, SwitchEMAHook)
    averages = {}
    if hook.average.steps:
        averages = {
            **hook.average.average_now(),
            **hook.average.state_dict(prefix='saved.'),
        }
    if hook.recalibrate_bn and not settled:
        # Estimated anew whenever they are used.
        averages = {k: v for k, v in averages.items() if 'running' not in k}
    return dict(
        model=dict(runner.model.state_dict()),
        averages=averages,
        steps=hook.average.steps,
        switches=hook.switches,
        optimizer=runner.optim_wrapper.state_dict(),
        schedulers=[s.state_dict() for s in runner.param_schedulers],
    )


def build(work_dir, how, loop, watch, **changes):
    """Build one runner of a variant."""
    return build_runner(
        work_dir,
        [dict(type='sema_mm.SwitchEMAHook', **how['hook']), watch],
        epochs=SIZES['epochs'],
        iters=None if loop == 'epochs' else SIZES['iters'],
        model=how['model'](),
        **{**how['changes'], **changes},
    )


def interrupt(work_dir, how, loop, number):
    """Train until right after the checkpoint of one epoch or iteration."""
    torch.manual_seed(3)
    watch = Watch(number, by_epoch=loop == 'epochs')
    with pytest.raises(Interruption):
        build(work_dir, how, loop, watch).train()
    return watch


def resume(work_dir, how, loop, call=None, **changes):
    """Finish a run with a new runner, all random numbers disturbed."""
    torch.manual_seed(1234)
    watch = Watch()
    changes.setdefault('resume', call is None)
    runner = build(work_dir, how, loop, watch, **changes)
    disturb()
    if call is not None:
        call(runner)
    runner.train()
    return runner, watch


def disturb():
    torch.manual_seed(99)
    np.random.seed(98)
    random.seed(97)


def complete(work_dir, how, loop):
    """Train without interruption."""
    torch.manual_seed(3)
    watch = Watch()
    runner = build(work_dir, how, loop, watch)
    runner.train()
    return runner, watch


def outcome(runner, work_dir):
    """Collect the final state, in memory and in the last checkpoint."""
    name = 'epoch_{epochs}.pth' if runner.epoch > 1 else 'iter_{iters}.pth'
    content = torch.load(work_dir / name.format(**SIZES), weights_only=False)
    kept = [
        'state_dict',
        'ema_state_dict',
        'optimizer',
        'param_schedulers',
        'switch_ema',
    ]
    saved = {key: content[key] for key in kept}
    saved['place'] = content['meta']['epoch'], content['meta']['iter']
    before = frozen(state_of(runner))
    metrics = runner.val()
    after = state_of(runner, settled=True)
    return frozen(
        dict(before=before, saved=saved, metrics=metrics, after=after)
    )


@pytest.mark.parametrize('how, loop', CASES)
def test_resumed_run_ends_like_the_uninterrupted_one(tmp_path, how, loop):
    """Stop at every epoch or iteration in turn, and resume."""
    whole, expected_watch = complete(tmp_path / 'whole', how, loop)
    expected = outcome(whole, tmp_path / 'whole')
    assert expected['after']['steps'] > 0
    if how['hook'].get('switch_interval', 1) is not None:
        assert expected['after']['switches'] >= 1

    def expected_metrics(watch):
        return {key: expected_watch.metrics[key] for key in watch.metrics}

    failures = []
    for number in range(1, SIZES[loop] + 1):
        work_dir = tmp_path / str(number)
        stopped = interrupt(work_dir, how, loop, number).stopped
        runner, watch = resume(work_dir, how, loop)
        failures += [
            f'stopped at {number}, {where}'
            for where in (
                *differences(watch.start, stopped, 'start'),
                *differences(outcome(runner, work_dir), expected, 'end'),
                *differences(watch.metrics, expected_metrics(watch), 'val'),
            )
        ]
    assert not failures, '\n'.join(failures[:10])


@pytest.mark.slow
@pytest.mark.parametrize('loop', list(SIZES))
@pytest.mark.parametrize(
    'name', ['by_iteration', 'plain', 'flexible', 'bfloat16', 'update_buffers']
)
def test_resuming_from_a_named_file(tmp_path, name, loop):
    """load_from with resume=True, in another work_dir."""
    how = VARIANTS[name]
    whole, _ = complete(tmp_path / 'whole', how, loop)
    expected = outcome(whole, tmp_path / 'whole')
    unit = 'epoch' if loop == 'epochs' else 'iter'
    for number in range(1, SIZES[loop]):
        path = str(tmp_path / 'whole' / f'{unit}_{number}.pth')
        work_dir = tmp_path / str(number)
        runner, _ = resume(work_dir, how, loop, load_from=path, resume=True)
        assert_same(outcome(runner, work_dir), expected)


@pytest.mark.slow
@pytest.mark.parametrize('loop', list(SIZES))
@pytest.mark.parametrize(
    'name', ['by_iteration', 'plain', 'bfloat16', 'recalibrate_bn', 'adamw']
)
def test_calling_resume_directly(tmp_path, name, loop):
    """runner.resume(path) instead of the argument."""
    how = VARIANTS[name]
    whole, _ = complete(tmp_path / 'whole', how, loop)
    expected = outcome(whole, tmp_path / 'whole')
    unit = 'epoch' if loop == 'epochs' else 'iter'
    for number in range(1, SIZES[loop]):
        path = str(tmp_path / 'whole' / f'{unit}_{number}.pth')
        work_dir = tmp_path / str(number)
        runner, _ = resume(
            work_dir, how, loop, call=lambda r, p=path: r.resume(p)
        )
        assert_same(outcome(runner, work_dir), expected)


def test_flexible_runner_resumes_the_path_it_is_given(tmp_path):
    """FlexibleRunner takes a path as its argument resume."""
    how, loop = VARIANTS['flexible'], 'iters'
    whole, _ = complete(tmp_path / 'whole', how, loop)
    path = str(tmp_path / 'whole' / 'iter_5.pth')
    runner, _ = resume(tmp_path / 'resumed', how, loop, resume=path)
    expected = outcome(whole, tmp_path / 'whole')
    assert_same(outcome(runner, tmp_path / 'resumed'), expected)


@pytest.mark.parametrize(
    'name', ['by_epoch', 'recalibrate_bn_by_epoch', 'bfloat16_by_epoch']
)
def test_logged_distances_are_those_of_the_uninterrupted_run(tmp_path, name):
    """The log of averaging goes on as if nothing had happened."""
    how, loop = VARIANTS[name], 'epochs'
    whole, _ = complete(tmp_path / 'whole', how, loop)
    interrupt(tmp_path / 'stopped', how, loop, 2)
    runner, _ = resume(tmp_path / 'stopped', how, loop)
    logs = [
        {
            key: buffer.data[0].tolist()
            for key, buffer in r.message_hub.log_scalars.items()
            if key.startswith('train/sema/')
        }
        for r in (whole, runner)
    ]
    assert len(logs[0]['train/sema/distance']) == SIZES[loop]
    assert logs[1] == logs[0]


def test_resuming_twice(tmp_path):
    """A run that is stopped at every epoch, again and again."""
    how, loop = VARIANTS['by_iteration'], 'epochs'
    whole, _ = complete(tmp_path / 'whole', how, loop)
    expected = outcome(whole, tmp_path / 'whole')
    work_dir = tmp_path / 'stopped'
    interrupt(work_dir, how, loop, 1)
    for number in range(2, SIZES[loop] + 1):
        watch = Watch(number)
        runner = build(work_dir, how, loop, watch, resume=True)
        disturb()
        with pytest.raises(Interruption):
            runner.train()
    runner, _ = resume(work_dir, how, loop)
    assert_same(outcome(runner, work_dir), expected)


# Controls: the comparison above can fail.


def changed(source, target, change):
    """Copy a checkpoint, changed."""
    content = torch.load(source, weights_only=False)
    change(content)
    target.parent.mkdir()
    torch.save(content, target)
    return str(target)


def drop_average(content):
    # What a run without averaging would have written.
    for key in content['state_dict']:
        content['state_dict'][key] = content['ema_state_dict'][f'module.{key}']
    del content['ema_state_dict']


def drop_training_weights(content):
    for key, value in content['state_dict'].items():
        content['ema_state_dict'][f'module.{key}'] = value


def drop_steps(content):
    content['ema_state_dict']['steps'] = torch.tensor(0)


def nudge_average(content):
    weight = content['state_dict']['head.bias'].clone()
    weight[0] = torch.nextafter(weight[0], torch.tensor(9.0))
    content['state_dict']['head.bias'] = weight


def drop_counters(content):
    del content['switch_ema']


def drop_momentum(content):
    content['optimizer']['state'] = {}


@pytest.mark.parametrize(
    'change',
    [
        drop_average,
        drop_training_weights,
        drop_steps,
        nudge_average,
        drop_counters,
        drop_momentum,
    ],
)
def test_control_what_the_checkpoint_lacks_is_missed(tmp_path, change):
    """Each part of the checkpoint matters for the final state."""
    how, loop = VARIANTS['linear'], 'iters'
    # Not right after a switch, when model and average are the same.
    whole, _ = complete(tmp_path / 'whole', how, loop)
    expected = outcome(whole, tmp_path / 'whole')
    source = tmp_path / 'whole' / 'iter_5.pth'
    for name, edit in (('same', lambda content: None), ('other', change)):
        path = changed(source, tmp_path / name / 'iter_5.pth', edit)
        work_dir = tmp_path / f'{name}_resumed'
        runner, _ = resume(work_dir, how, loop, load_from=path, resume=True)
        found = outcome(runner, work_dir)
        (assert_same if name == 'same' else assert_differ)(found, expected)


@pytest.mark.parametrize('loop', list(SIZES))
def test_control_checkpoints_differ(tmp_path, loop):
    """Two checkpoints of a run start from different states."""
    how = VARIANTS['by_iteration']
    starts = []
    for number in (2, 3):
        # In the second case right after a switch by iteration.
        interrupt(tmp_path / str(number), how, loop, number)
        _, watch = resume(tmp_path / str(number), how, loop)
        starts.append(watch.start)
    for key in ('model', 'averages', 'steps', 'optimizer', 'schedulers'):
        assert_differ(starts[0][key], starts[1][key])


def test_control_torch_refuses_these_checkpoints_by_itself(tmp_path):
    """The tests above read files that need the safe loading."""
    if tuple(map(int, torch.__version__.split('.')[:2])) < (2, 6):
        pytest.skip('torch before 2.6 loads any pickle')
    complete(tmp_path, VARIANTS['by_epoch'], 'epochs')
    with pytest.raises(Exception, match='[Ww]eights.only'):
        torch.load(tmp_path / 'epoch_1.pth')
