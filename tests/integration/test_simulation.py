"""Random configurations of the hook against a simulation in float64.

The simulation is written from the definition of the method and of mmengine's
gradient accumulation; it knows nothing of the code under test. The model has
a quadratic loss, whose gradient NumPy computes exactly.
"""

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import nn
from torch.utils.data import Dataset

from sema_mm import SwitchEMAHook
from tests.helpers.toy import build_runner, find_hook, loader

RUNS = 260
CHUNK = 10
SIZE = 7
CURVATURE = np.linspace(0.2, 1.0, SIZE, dtype=np.float32)
START = np.linspace(3.0, 4.0, SIZE, dtype=np.float32)


# The configurations.


def configuration(number):
    """Draw one configuration: arguments of the hook, and of the run."""
    rng = np.random.default_rng(number)

    def chance(probability):
        return rng.random() < probability

    def integer(low, high):
        return int(rng.integers(low, high + 1))

    run = dict(
        length=integer(1, 7),
        epochs=integer(1, 6) if chance(0.6) else None,
        counts=1 if chance(0.5) else integer(2, 5),
        lr=float(rng.uniform(0.05, 0.5)),
        momentum=float(rng.choice([0, 0, 0.5, 0.9])),
        weight_decay=float(rng.choice([0, 0.05])),
        seed=number,
    )
    run['iters'] = (run['epochs'] or integer(1, 6)) * run['length']
    run['nesterov'] = run['momentum'] > 0 and chance(0.3)
    hook = dict(momentum=float(10 ** rng.uniform(-3, np.log10(0.5))))
    hook['by_epoch'] = chance(0.5) if run['epochs'] else chance(0.03)
    units = run['epochs'] if hook['by_epoch'] else run['iters']
    units = units or run['iters']
    if chance(0.15):
        hook['switch_interval'] = None
    else:
        hook['switch_interval'] = integer(1, max(units // 2, 1) + 1)
        if chance(0.3):
            hook['switch_begin'] = integer(0, units // 2 + 1)
        if chance(0.3):
            hook['switch_end'] = integer(1, units + 1)
    if chance(0.2):
        hook['begin_iter'] = integer(1, run['iters'] // 2 + 1)
    elif chance(0.3) and (run['epochs'] or chance(0.1)):
        hook['begin_epoch'] = integer(1, (run['epochs'] or 1) + 1)
    if chance(0.4):
        hook['interval'] = integer(1, 4)
    hook['warmup'] = str(
        rng.choice(['', 'constant', 'linear', 'exp', 'anneal', 'exp_momentum'])
    )
    if hook['warmup'] in ('constant', 'linear', 'exp'):
        hook['warmup_iters'] = integer(1, 12)
        hook['warmup_ratio'] = float(rng.uniform(0, 1))
    elif hook['warmup']:
        hook['gamma'] = float(rng.uniform(0.5, 20))
    else:
        hook['warmup'] = None
    return run, hook


def targets(run):
    """Draw the target of each batch."""
    rng = np.random.default_rng([run['seed'], 1])
    return rng.uniform(1, 2, (run['length'], SIZE)).astype(np.float32)


# The simulation.


def is_due(hook, completed):
    """Tell whether a switch is due after so many units."""
    interval = hook['switch_interval']
    begin = hook.get('switch_begin', 0)
    end = hook.get('switch_end')
    if interval is None or completed <= begin:
        return False
    if end is not None and completed > end:
        return False
    return (completed - begin) % interval == 0


def momentum_at(hook, t):
    """Weight of the new value in update t, counted from 0."""
    m, kind = hook['momentum'], hook['warmup']
    d = 1 - m
    if kind == 'anneal':
        return max(m, hook['gamma'] / (hook['gamma'] + t))
    if kind == 'exp_momentum':
        return (1 - m) * np.exp(-(1 + t) / hook['gamma']) + m
    if kind is None or t >= hook['warmup_iters']:
        return m
    r, progress = hook['warmup_ratio'], t / hook['warmup_iters']
    decay = dict(
        constant=r * d,
        linear=d * (1 - (1 - progress) * (1 - r)),
        exp=d * r ** (1 - progress),
    )
    return 1 - decay[kind]


class Simulation:
    """One run in float64; ``events`` is what happened, in order.

    An event is (unit, number, model, average, updates, switched) at the end
    of an iteration or epoch.
    """

    def __init__(self, run, hook):
        self.run, self.hook = run, hook
        self.model = START.astype(np.float64)
        self.average = None
        self.updates = 0
        #: Switches while gradients were pending.
        self.amid = 0
        self.events = []
        self.simulate()

    def simulate(self):
        run, hook = self.run, self.hook
        curvature = CURVATURE.astype(np.float64)
        data = targets(run).astype(np.float64)
        total, counts = run['iters'], run['counts']
        gradient = np.zeros(SIZE)
        velocity = np.zeros(SIZE)
        for done in range(total):
            last = total - total % counts <= done
            share = total % counts if last else counts
            target = data[done % run['length']]
            gradient += curvature * (self.model - target) / share
            self.pending = not ((done + 1) % counts == 0 or done + 1 == total)
            if not self.pending:
                step = gradient + run['weight_decay'] * self.model
                velocity = run['momentum'] * velocity + step
                if run['nesterov']:
                    step = step + run['momentum'] * velocity
                else:
                    step = velocity
                self.model = self.model - run['lr'] * step
                gradient = np.zeros(SIZE)
                if self.has_begun(done):
                    self.update()
            self.close('iteration', done + 1, not hook['by_epoch'])
            if run['epochs'] and (done + 1) % run['length'] == 0:
                epoch = (done + 1) // run['length']
                self.close('epoch', epoch, hook['by_epoch'])
        if not run['epochs']:
            # The only epoch of mmengine's loop over iterations.
            self.close('epoch', 1, False)

    def has_begun(self, done):
        epoch = done // self.run['length'] if self.run['epochs'] else 0
        if self.hook.get('begin_epoch'):
            return epoch + 1 >= self.hook['begin_epoch']
        return done + 1 >= self.hook.get('begin_iter', 0)

    def update(self):
        if self.updates == 0:
            self.average = self.model.copy()
        elif self.updates % self.hook.get('interval', 1) == 0:
            m = momentum_at(self.hook, self.updates)
            self.average = (1 - m) * self.average + m * self.model
        self.updates += 1

    def close(self, unit, number, counted):
        due = counted and is_due(self.hook, number)
        switched = due and self.average is not None
        if switched:
            self.model = self.average.copy()
            self.amid += self.pending
        self.events.append(
            (unit, number, self.model, self.average, self.updates, switched)
        )

    @property
    def switches(self):
        """Count the switches."""
        return sum(event[-1] for event in self.events)

    @property
    def refused(self):
        """Tell whether the hook must refuse to start this run."""
        run, hook = self.run, self.hook
        if hook.get('begin_epoch', 0) > (run['epochs'] or 0):
            return True
        if hook.get('begin_iter', 0) > run['iters']:
            return True
        if hook['switch_interval'] is None:
            return False
        if hook['by_epoch'] and not run['epochs']:
            return True
        return self.switches == 0


# The real run.


class Quadratic(BaseModel):
    """Loss 0.5 sum(c (w - x)^2) over two parameters."""

    def __init__(self):
        super().__init__()
        start = torch.from_numpy(START.copy())
        self.first = nn.Parameter(start[:3].clone())
        self.second = nn.Parameter(start[3:].reshape(2, 2).clone())

    def forward(self, inputs, mode='tensor'):
        weights = torch.cat([self.first, self.second.flatten()])
        error = weights - inputs[0]
        curvature = torch.from_numpy(CURVATURE)
        return dict(loss=0.5 * (curvature * error**2).sum())


class Targets(Dataset):
    """The targets, as inputs."""

    def __init__(self, values):
        self.values = torch.from_numpy(values)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return dict(inputs=self.values[index])


def flat(named):
    """Join the two parameters."""
    tensors = [named['first'], named['second'].flatten()]
    return torch.cat([t.detach() for t in tensors]).clone()


class Early(Hook):
    """Notes the model before the hook under test acts."""

    priority = 'VERY_HIGH'

    def after_train_iter(self, runner, *args, **kwargs):
        self.model = flat(dict(runner.model.named_parameters()))

    def after_train_epoch(self, runner):
        self.model = flat(dict(runner.model.named_parameters()))


class Late(Hook):
    """Compares model and average with the simulation."""

    priority = 'LOWEST'

    def __init__(self, early, events):
        self.early, self.expected, self.events = early, events, iter(events)
        self.switches = 0
        self.pointers = None

    def after_train_iter(self, runner, *args, **kwargs):
        self.compare(runner, 'iteration', runner.iter + 1)

    def after_train_epoch(self, runner):
        self.compare(runner, 'epoch', runner.epoch + 1)

    def compare(self, runner, unit, number):
        *when, model, average, updates, switched = next(self.events)
        assert when == [unit, number]
        hook = find_hook(runner, SwitchEMAHook)
        parameters = dict(runner.model.named_parameters())
        found = flat(parameters)
        assert hook.average.steps == updates, f'updates after {when}'
        self.switches += switched
        assert hook.switches == self.switches, f'switches after {when}'
        close(found, model, f'model after {when}')
        if average is not None:
            found_average = flat(hook.average.average_now())
            close(found_average, average, f'average after {when}')
        if switched:
            assert torch.equal(found, found_average), f'switch after {when}'
        else:
            assert torch.equal(found, self.early.model), f'no switch {when}'
        pointers = [p.data_ptr() for p in parameters.values()]
        assert pointers == (self.pointers or pointers)
        self.pointers = pointers


def close(found, expected, what):
    """Demand a relative error below 1e-5."""
    error = np.abs(found.double().numpy() - expected).max()
    assert error < 1e-5 * np.abs(expected).max(), f'{what}: {error}'


def build(work_dir, run, hook, *probes):
    """Build a runner for one configuration, with hardly any other hook."""
    off = ['timer', 'logger', 'param_scheduler', 'checkpoint']
    optimizer = dict(type='SGD')
    for name in ('lr', 'momentum', 'weight_decay', 'nesterov'):
        optimizer[name] = run[name]
    data = loader(shuffle=False, infinite=not run['epochs'], batch_size=1)
    data['dataset'] = Targets(targets(run))
    return build_runner(
        work_dir,
        [dict(type='sema_mm.SwitchEMAHook', **hook), *probes],
        epochs=run['epochs'],
        iters=None if run['epochs'] else run['iters'],
        model=Quadratic(),
        train_dataloader=data,
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
        optim_wrapper=dict(
            optimizer=optimizer, accumulative_counts=run['counts']
        ),
        param_scheduler=None,
        default_hooks=dict.fromkeys(off),
        log_level='ERROR',
    )


def check(work_dir, run, hook):
    """Run one configuration and compare it with the simulation."""
    simulation = Simulation(run, hook)
    if simulation.refused:
        early = Early()
        with pytest.raises(ValueError):
            build(work_dir, run, hook, early).train()
        assert not hasattr(early, 'model'), 'refused after training began'
        return
    early = Early()
    late = Late(early, simulation.events)
    build(work_dir, run, hook, early, late).train()
    assert next(late.events, None) is None, 'events that did not happen'


@pytest.mark.parametrize('first', range(0, RUNS, CHUNK))
def test_runs_equal_their_simulation(tmp_path, first):
    """Model, average, updates and switches, after every iteration."""
    failures = []
    for number in range(first, first + CHUNK):
        run, hook = configuration(number)
        try:
            check(tmp_path, run, hook)
        except (Exception, pytest.fail.Exception) as error:
            failures.append(
                f'{number}: {type(error).__name__}: '
                f'{str(error)[:300]}\n  run={run}\n  hook={hook}'
            )
    assert not failures, '\n'.join(failures)


def test_configurations_are_varied():
    """The generator draws what this file claims to test."""
    drawn = [configuration(number) for number in range(RUNS)]
    made = [Simulation(*pair) for pair in drawn]
    good = [s for s in made if not s.refused]
    assert len(good) >= 200
    assert len(made) - len(good) >= 20
    assert sum(s.switches > 2 for s in good) >= 50
    # Switches with gradients pending, and switches after which it went on.
    assert sum(s.amid > 0 for s in good) >= 15
    assert sum(s.hook['switch_interval'] is None for s in good) >= 20
    for warmup in {s.hook['warmup'] for s in made}:
        assert sum(s.hook['warmup'] == warmup for s in good) >= 20, warmup
    for name in ('interval', 'begin_epoch', 'begin_iter', 'switch_end'):
        assert sum(s.hook.get(name, 0) not in (0, 1, None) for s in good) > 9
    ended = [s for s in good if s.run['iters'] % s.run['counts']]
    assert len(ended) >= 20


def test_a_switch_before_the_first_step_is_refused(tmp_path):
    """With 4 iterations per step there is nothing to write after 2."""
    run, hook = dict(configuration(0)[0]), dict(momentum=0.1, warmup=None)
    run.update(epochs=None, iters=8, length=2, counts=4)
    hook.update(by_epoch=False, switch_interval=2, switch_end=2)
    assert Simulation(run, hook).refused
    check(tmp_path, run, hook)
    hook.update(switch_end=4)
    assert Simulation(run, hook).switches == 1
    check(tmp_path, run, hook)


def test_simulation_of_the_golden_vector():
    """The oracle itself: a walk whose average is known."""
    run, hook = dict(configuration(0)[0]), dict(momentum=0.1, warmup=None)
    run.update(epochs=None, iters=3, length=3, counts=1)
    hook.update(by_epoch=False, switch_interval=3)
    simulation = Simulation(run, hook)
    assert [event[-1] for event in simulation.events] == [0, 0, 1, 0]
    simulation.updates, found = 0, []
    for value in (2.0, 1.0, 0.0):
        simulation.model = np.array([value])
        simulation.update()
        found.append(float(simulation.average[0]))
    np.testing.assert_allclose(found, [2.0, 1.9, 1.71])
