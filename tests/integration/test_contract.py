"""One test, or group of tests, for each promise of the README's table.

The numbers are those of the table in docs/en/method.md.
"""

import re

import numpy as np
import pytest
import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import FlexibleRunner
from torch import nn

from sema_mm import SwitchEMA, SwitchEMAHook
from tests.helpers.toy import (
    ToyData,
    ToyModel,
    build_runner,
    find_hook,
    loader,
)

OURS = dict(type='sema_mm.SwitchEMAHook', momentum=0.2)
PLAIN = dict(OURS, switch_interval=None)


class Probe(Hook):
    """Call a function after every iteration, before averaging."""

    priority = 'VERY_HIGH'

    def __init__(self, function):
        self.function = function

    def after_train_iter(self, runner, *args, **kwargs):
        self.function(runner, runner.iter + 1)


def train(runner):
    runner.train()
    return find_hook(runner, SwitchEMAHook)


def said(capsys, pattern):
    """Lines of the log in which a pattern occurs."""
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if re.search(pattern, line)]


def load(path):
    return torch.load(path, weights_only=False)


def accumulating(counts, **kwargs):
    return dict(
        optimizer=dict(type='SGD', lr=0.1),
        accumulative_counts=counts,
        **kwargs,
    )


# 1: gradient accumulation


def test_01_one_update_per_optimizer_step(tmp_path):
    runner = build_runner(
        tmp_path,
        dict(OURS, by_epoch=False, switch_interval=6),
        iters=16,
        optim_wrapper=accumulating(4),
    )
    hook = train(runner)
    assert hook.average.steps == 4
    assert hook.switches == 2  # iterations 6 and 12


def test_01_gradients_pending_at_a_switch_enter_the_next_step(tmp_path):
    pending = {}

    class Watch(Hook):
        priority = 'LOW'  # after the switch

        def after_train_epoch(self, runner):
            if runner.epoch == 0:
                weight = runner.model.conv.weight
                pending['gradient'] = weight.grad.clone()
                pending['weight'] = weight.detach().clone()

        def before_train_iter(self, runner, *args, **kwargs):
            # Batches without any loss: what remains is what was pending.
            if runner.epoch == 1:
                runner.model.forward = lambda **kw: dict(
                    loss=sum(p.sum() * 0 for p in runner.model.parameters())
                )

        def after_train_iter(self, runner, *args, **kwargs):
            if runner.iter == 7:
                pending['after'] = runner.model.conv.weight.detach().clone()

    runner = build_runner(
        tmp_path,
        [OURS, Watch()],
        epochs=2,
        optim_wrapper=accumulating(4),
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
        param_scheduler=None,
    )
    hook = train(runner)
    assert hook.switches == 2
    assert pending['gradient'].abs().sum() > 0
    step = pending['weight'] - 0.1 * pending['gradient']
    torch.testing.assert_close(pending['after'], step)


# 2: steps that a gradient scaler skips


class ScaledWrapper(OptimWrapper):
    """Real gradient scaling; the gradients of iterations 2, 4 overflow."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.scaler = torch.amp.GradScaler('cpu', init_scale=4.0)
        self.count = 0

    def backward(self, loss, **kwargs):
        self.scaler.scale(loss).backward()
        self._inner_count += 1

    def step(self, **kwargs):
        self.count += 1
        if self.count in (2, 4):
            parameter = self.optimizer.param_groups[0]['params'][0]
            parameter.grad.fill_(float('inf'))
        self.scaler.step(self.optimizer)
        self.scaler.update()


@pytest.mark.parametrize('fused', [False, True])
def test_02_no_update_for_a_skipped_step(tmp_path, fused):
    runner = build_runner(tmp_path, PLAIN, epochs=1)
    optimizer = torch.optim.SGD(runner.model.parameters(), 0.1, fused=fused)
    runner.optim_wrapper = ScaledWrapper(optimizer=optimizer)
    hook = train(runner)
    assert runner.iter == 6
    assert hook.average.steps == 4
    assert hook._updater.nonfinite == 0


def test_02_several_optimizers_make_one_update_per_iteration(tmp_path):
    class TwoOptimizers(ToyModel):
        def train_step(self, data, optim_wrapper):
            data = self.data_preprocessor(data, True)
            loss = self(**data, mode='loss')['loss']
            for wrapper in optim_wrapper.values():
                wrapper.zero_grad()
            loss.backward()
            for wrapper in optim_wrapper.values():
                wrapper.step()
            return dict(loss=loss)

    model = TwoOptimizers()
    wrappers = {
        name: OptimWrapper(torch.optim.SGD(part.parameters(), 0.1))
        for name, part in (('conv', model.conv), ('head', model.head))
    }
    runner = build_runner(
        tmp_path,
        OURS,
        epochs=1,
        model=model,
        optim_wrapper=OptimWrapperDict(**wrappers),
        param_scheduler=None,
    )
    assert train(runner).average.steps == 6


# 3: low precision


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_03_the_average_of_low_precision_weights_moves(dtype):
    model = nn.Linear(32, 32, bias=False).to(dtype)
    average = SwitchEMA(model, momentum=2e-4)
    reference, start = None, None
    for _step in range(2000):
        with torch.no_grad():
            model.weight.copy_(model.weight.float() + 2.0 / 2000)
        average.update_parameters(model)
        value = model.weight.detach().double()
        if reference is None:
            reference, start = value.clone(), value.clone()
        else:
            reference += 2e-4 * (value - reference)
    moved = average.average_now()['weight'].double() - start
    assert average.average_now()['weight'].dtype == torch.float32
    torch.testing.assert_close(moved, reference - start, rtol=1e-3, atol=1e-6)


def test_03_the_average_of_low_precision_weights_survives(tmp_path):
    hook = dict(OURS, momentum=2e-4, switch_interval=None)
    model = ToyModel().bfloat16()
    model.bn.float()

    def bf16_runner(**kwargs):
        runner = build_runner(tmp_path, hook, epochs=2, **kwargs)
        runner.model.conv.bfloat16()
        runner.model.conv.register_forward_pre_hook(
            lambda m, x: (x[0].bfloat16(),)
        )
        runner.model.conv.register_forward_hook(lambda m, x, y: y.float())
        return runner

    trained = train(bf16_runner())
    kept = {k: v.clone() for k, v in trained.average.average_now().items()}
    resumed = bf16_runner(resume=True)
    hook = train(resumed)
    for name, average in hook.average.average_now().items():
        assert average.dtype == torch.float32
        assert torch.equal(average, kept[name]), name
    assert resumed.model.conv.weight.dtype == torch.bfloat16


# 4: tied weights


def test_04_tied_weights_are_averaged_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(1, 1, bias=False)
            self.second = nn.Linear(1, 1, bias=False)
            self.second.weight = self.first.weight

    model = Tied()
    for update_buffers in (False, True):
        nn.init.zeros_(model.first.weight)
        average = SwitchEMA(model, 0.1, update_buffers=update_buffers)
        average.update_parameters(model)
        nn.init.ones_(model.first.weight)
        average.update_parameters(model)
        assert len(average.average_now()) == 1
        with average.swapped(model):
            assert model.second.weight.item() == pytest.approx(0.1)
        assert model.first.weight.item() == 1
        state = average.state_dict()
        for key in ('module.first.weight', 'module.second.weight'):
            assert state[key].item() == pytest.approx(0.1)


# 5: integer buffers


@pytest.mark.parametrize('update_buffers', [False, True])
def test_05_integer_buffers_are_the_models(tmp_path, update_buffers):
    model = ToyModel()
    model.register_buffer('table', torch.arange(5))
    runner = build_runner(
        tmp_path, dict(OURS, update_buffers=update_buffers), model=model
    )
    train(runner)
    for epoch in (1, 2, 3):
        checkpoint = load(tmp_path / f'epoch_{epoch}.pth')
        state = checkpoint['state_dict']
        assert state['bn.num_batches_tracked'] == 6 * epoch
        assert state['table'].tolist() == [0, 1, 2, 3, 4]
        assert checkpoint['ema_state_dict']['module.table'].dtype == (
            torch.int64
        )


# 6: BatchNorm statistics


def statistics(state):
    return torch.cat([state['bn.running_mean'], state['bn.running_var']])


def test_06_copy_takes_the_models_statistics(tmp_path):
    runner = build_runner(tmp_path, PLAIN)
    hook = train(runner)
    state = load(tmp_path / 'epoch_3.pth')['state_dict']
    live = runner.model.state_dict()
    assert torch.equal(statistics(state), statistics(live))
    assert not torch.equal(state['conv.weight'], live['conv.weight'])
    assert 'bn.running_mean' not in hook.average.average_now()


def test_06_average_averages_them(tmp_path):
    expected = {}

    def follow(runner, iteration):
        now = statistics(runner.model.state_dict()).double()
        old = expected.get('average', now)
        expected['average'] = old + 0.2 * (now - old)

    runner = build_runner(
        tmp_path, [dict(PLAIN, update_buffers=True), Probe(follow)]
    )
    train(runner)
    state = load(tmp_path / 'epoch_3.pth')['state_dict']
    torch.testing.assert_close(
        statistics(state).double(), expected['average'], rtol=1e-5, atol=1e-6
    )


def test_06_recalibrate_estimates_them_from_training_batches(tmp_path):
    """All batches in one: the result cannot depend on the drawing."""
    runner = build_runner(
        tmp_path,
        dict(PLAIN, recalibrate_bn=1),
        train_dataloader=loader(batch_size=24),
    )
    train(runner)
    state = load(tmp_path / 'epoch_3.pth')['state_dict']
    model = ToyModel()
    model.load_state_dict(state)
    torch.optim.swa_utils.update_bn([ToyData().images], model)
    expected = statistics(model.state_dict())
    torch.testing.assert_close(statistics(state), expected)
    assert not torch.allclose(
        expected, statistics(runner.model.state_dict()), rtol=1e-2
    )


@pytest.mark.parametrize(
    'arguments',
    [{}, dict(recalibrate_bn=2), dict(evaluate_on_origin=True)],
    ids=str,
)
def test_06_looking_does_not_disturb_the_training(tmp_path, arguments):
    """The run without any hook is the reference, with dropout as a witness."""
    results = []
    for hook in (None, dict(PLAIN, **arguments)):
        runner = build_runner(
            tmp_path / str(hook is None),
            hook,
            model=dict(type=ToyModel, tail=nn.Dropout()),
        )
        runner.train()
        state = runner.model.state_dict()
        results.append((state, torch.rand(3), np.random.rand(3)))
    for key, value in results[0][0].items():
        assert torch.equal(value, results[1][0][key]), key
    assert torch.equal(results[0][1], results[1][1])
    assert np.array_equal(results[0][2], results[1][2])


# 7: other buffers


def test_07_spectral_norm_vectors_keep_their_length(tmp_path):
    tail = nn.utils.spectral_norm(nn.Linear(2, 2))
    runner = build_runner(
        tmp_path,
        dict(PLAIN, update_buffers=True),
        model=ToyModel(tail=tail),
    )
    train(runner)
    state = load(tmp_path / 'epoch_3.pth')['state_dict']
    assert state['tail.weight_u'].norm() == pytest.approx(1, abs=1e-5)
    assert torch.equal(state['tail.weight_u'], tail.weight_u)


def test_07_non_persistent_buffers_are_left_alone(tmp_path):
    model = ToyModel()
    model.register_buffer('cache', torch.zeros(1), persistent=False)

    def grow(runner, iteration):
        runner.model.cache = torch.full((iteration,), float(iteration))

    runner = build_runner(
        tmp_path, [dict(OURS, update_buffers=True), Probe(grow)], model=model
    )
    train(runner)
    assert model.cache.tolist() == [18.0] * 18
    assert 'cache' not in load(tmp_path / 'epoch_3.pth')['state_dict']


# 8: frozen parameters


def test_08_only_trainable_parameters_are_stored(tmp_path):
    model = ToyModel(tail=nn.Linear(2, 2))
    model.tail.requires_grad_(False)
    frozen = model.tail.weight.clone()
    runner = build_runner(tmp_path, OURS, model=model)
    hook = train(runner)
    stored = sum(t.numel() for t in hook.average.average_now().values())
    assert stored == sum(
        p.numel() for p in model.parameters() if p.requires_grad
    )
    checkpoint = load(tmp_path / 'epoch_3.pth')
    one = checkpoint['state_dict']['tail.weight']
    other = checkpoint['ema_state_dict']['module.tail.weight']
    assert torch.equal(one, frozen)
    assert one.data_ptr() == other.data_ptr()


def test_08_parameters_join_when_they_are_unfrozen(tmp_path):
    model = ToyModel()
    model.head.requires_grad_(False)
    before = model.head.weight.clone()
    joined = []

    class Unfreeze(Hook):
        def before_train_iter(self, runner, *args, **kwargs):
            if runner.iter == 9:  # in the middle of an epoch
                runner.model.head.requires_grad_(True)
            if runner.iter in (9, 11):
                hook = find_hook(runner, SwitchEMAHook)
                joined.append('head.weight' in hook.average.average_now())

    runner = build_runner(tmp_path, [Unfreeze(), PLAIN], model=model)
    hook = train(runner)
    assert joined == [False, True]
    average = hook.average.average_now()['head.weight']
    assert not torch.equal(average, before)
    assert not torch.equal(average, model.head.weight)


# 9: weights that are not finite


class Poison(Hook):
    """Leave NaN in a weight after some iterations, until the next begins."""

    priority = 'VERY_HIGH'

    def __init__(self, *iterations):
        self.iterations = iterations
        self.kept = None

    def before_train_iter(self, runner, *args, **kwargs):
        if self.kept is not None:
            runner.model.conv.weight.data.copy_(self.kept)
            self.kept = None

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter + 1 in self.iterations:
            weight = runner.model.conv.weight
            self.kept = weight.detach().clone()
            weight.data[0, 0, 0, 0] = float('nan')


def test_09_the_average_skips_nan(tmp_path, capsys):
    runner = build_runner(tmp_path, [OURS, Poison(3, 6, 8)])
    hook = train(runner)
    assert hook.average.steps == 15
    assert hook._updater.nonfinite == 3
    assert len(said(capsys, 'not finite after')) == 1
    for tensor in hook.average.average_now().values():
        assert tensor.isfinite().all()


def test_09_a_save_and_a_switch_never_write_nan(tmp_path):
    """The weights are NaN at the end of epoch 1, and stay so in epoch 2."""
    runner = build_runner(
        tmp_path, [dict(PLAIN, max_nonfinite=99), Poison(6)], epochs=1
    )
    train(runner)
    assert not runner.model.conv.weight.isfinite().all()
    checkpoint = load(tmp_path / 'epoch_1.pth')
    for part in ('state_dict', 'ema_state_dict'):
        for tensor in checkpoint[part].values():
            assert tensor.isfinite().all()
    runner = build_runner(tmp_path / 'b', [OURS, Poison(6)], epochs=1)
    train(runner)
    assert runner.model.conv.weight.isfinite().all()


def test_09_training_stops_after_too_many(tmp_path):
    runner = build_runner(
        tmp_path,
        [dict(OURS, max_nonfinite=4), Poison(*range(3, 19))],
    )
    with pytest.raises(RuntimeError, match='not finite after 4 optimizer'):
        runner.train()
    assert runner.iter + 1 == 6


def test_09_gate_on_the_device_keeps_the_average():
    """The path for accelerators, where the verdict stays on the device."""
    model = nn.Linear(2, 2)
    average = SwitchEMA(model, 0.1)
    average.update_parameters(model)
    kept = {k: v.clone() for k, v in average.average_now().items()}
    value = model.weight.detach().clone()
    model.weight.data.fill_(float('nan'))
    average.update_parameters(model, lambda w: torch.tensor(True))
    for name, tensor in average.average_now().items():
        assert torch.equal(tensor, kept[name])
    model.weight.data.copy_(value + 1)
    average.update_parameters(model, lambda w: torch.tensor(False))
    expected = kept['weight'].lerp(model.weight, 0.1)
    assert torch.equal(average.average_now()['weight'], expected)


# 10: exceptions in an evaluation


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_10_an_exception_in_validation_restores_the_weights(tmp_path, error):
    runner = build_runner(tmp_path, PLAIN)
    seen = {}

    class Break(Hook):
        def after_train_epoch(self, runner):
            seen['model'] = runner.model.conv.weight.detach().clone()

        def before_val_iter(self, runner, **kwargs):
            seen['val'] = runner.model.conv.weight.detach().clone()
            raise error

    runner.register_hook(Break())
    with pytest.raises(error):
        runner.train()
    assert not torch.equal(seen['val'], seen['model'])
    assert torch.equal(runner.model.conv.weight, seen['model'])


def test_10_swapped_restores_after_an_exception():
    model = nn.Linear(2, 2)
    average = SwitchEMA(model, 0.1)
    average.update_parameters(model)
    model.weight.data += 1
    kept = model.weight.detach().clone()
    with pytest.raises(ZeroDivisionError), average.swapped(model):
        assert not torch.equal(model.weight, kept)
        raise ZeroDivisionError
    assert torch.equal(model.weight, kept)


# 11: size of a checkpoint


def test_11_a_checkpoint_after_a_switch_stores_the_weights_once(tmp_path):
    def size(name, hook):
        torch.manual_seed(0)
        tail = nn.Sequential(nn.Linear(2, 4000), nn.Linear(4000, 2))
        # a real run's optimizer state would hide a doubled model
        runner = build_runner(
            tmp_path / name,
            hook,
            epochs=1,
            model=ToyModel(tail=tail),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        )
        runner.train()
        return (tmp_path / name / 'epoch_1.pth').stat().st_size

    # 80 kB of weights; the counters and scalars of the hook are some kB
    without, after, plain = (
        size('without', None),
        size('sema', OURS),
        size('ema', PLAIN),
    )
    assert plain - without > 70_000
    assert after - without < 10_000


# 12: resuming; see test_resume.py, and test_checkpoint.py for safety


# 13: loading other checkpoints


@pytest.mark.parametrize('averaged', [False, True])
def test_13_load_from_starts_at_the_loaded_weights(tmp_path, averaged):
    build_runner(tmp_path / 'a', PLAIN if averaged else None).train()
    path = str(tmp_path / 'a' / 'epoch_3.pth')
    started = {}

    def look(runner, iteration):
        if iteration == 1:
            hook = find_hook(runner, SwitchEMAHook)
            started.update(
                (k, v.clone()) for k, v in hook.average.average_now().items()
            )
            started['steps'] = hook.average.steps

    runner = build_runner(
        tmp_path / 'b', [OURS, Probe(look)], load_from=path, epochs=1
    )
    train(runner)
    loaded = load(path)['state_dict']
    assert started.pop('steps') == 0
    for name, tensor in started.items():
        assert torch.equal(tensor, loaded[name]), name


def test_13_another_class_count_is_named_in_one_warning(tmp_path, capsys):
    build_runner(tmp_path / 'a', OURS).train()
    runner = build_runner(
        tmp_path / 'b',
        OURS,
        load_from=str(tmp_path / 'a' / 'epoch_3.pth'),
        model=ToyModel(classes=5),
    )
    hook = train(runner)
    (line,) = said(capsys, 'own values')
    assert 'head.weight' in line
    assert 'conv.weight' not in line
    assert hook.average.average_now()['head.weight'].shape == (5, 4)


# 14: FlexibleRunner


def flexible(work_dir, **kwargs):
    kwargs.setdefault('strategy', dict(type='SingleDeviceStrategy'))
    return build_runner(work_dir, OURS, runner_type=FlexibleRunner, **kwargs)


def test_14_flexible_runner_loads_and_resumes(tmp_path):
    runner = flexible(tmp_path, epochs=2)
    hook = train(runner)
    assert hook.average.steps == 12 and hook.switches == 2
    resumed = flexible(tmp_path, epochs=3, resume=True)
    hook = train(resumed)
    assert hook.average.steps == 18 and hook.switches == 3
    loaded = flexible(
        tmp_path / 'b', epochs=1, load_from=str(tmp_path / 'epoch_2.pth')
    )
    assert train(loaded).average.steps == 6


# 15: wrapped and compiled models


def test_15_compiled_models_are_averaged_under_their_own_names():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    plain = SwitchEMA(model).state_dict()
    model[1] = torch.compile(model[1], backend='eager')
    whole = torch.compile(model, backend='eager')
    average = SwitchEMA(whole, 0.1)
    average.update_parameters(whole)
    model[1].weight.data += 1
    average.update_parameters(whole)
    state = average.state_dict()
    assert state.keys() == plain.keys()
    moved = state['module.1.weight'] - plain['module.1.weight']
    torch.testing.assert_close(moved, torch.full((2, 2), 0.1))


def test_15_a_switch_does_not_recompile():
    from torch._dynamo.testing import CompileCounter

    model = nn.Linear(2, 2)
    counter = CompileCounter()
    compiled = torch.compile(model, backend=counter)
    average = SwitchEMA(compiled, 0.1)
    for _ in range(3):
        compiled(torch.ones(1, 2)).sum().backward()
        model.weight.data += 1
        average.update_parameters(compiled)
        average.switch_parameters(compiled)
    assert counter.frame_count == 1
    assert torch.equal(compiled(torch.ones(1, 2)), model(torch.ones(1, 2)))


@pytest.mark.slow
def test_15_runner_with_compile(tmp_path):
    runner = build_runner(
        tmp_path, OURS, cfg=dict(compile=dict(backend='eager'))
    )
    assert train(runner).average.steps == 18


def test_15_nothing_to_average_is_an_error():
    model = nn.Linear(2, 2)
    with pytest.raises(ValueError, match='no trainable parameter'):
        SwitchEMA(model.requires_grad_(False))
    average = SwitchEMA(nn.Linear(2, 2))
    with pytest.raises(ValueError, match='no parameter of the model matches'):
        average.update_parameters(nn.Sequential(nn.Conv2d(1, 1, 1)))


# 18: writing in place


def test_18_addresses_never_change(tmp_path):
    model = ToyModel(tail=nn.Linear(2, 2).bfloat16().float())
    before = {
        k: v.data_ptr() for k, v in model.state_dict(keep_vars=True).items()
    }
    runner = build_runner(
        tmp_path,
        dict(OURS, evaluate_on_origin=True, recalibrate_bn=2),
        model=model,
    )
    train(runner)
    after = {
        k: v.data_ptr() for k, v in model.state_dict(keep_vars=True).items()
    }
    assert before == after


# 19: two averaging hooks


@pytest.mark.parametrize(
    'other', [dict(type='EMAHook'), dict(OURS)], ids=['EMAHook', 'ours']
)
@pytest.mark.parametrize('first', [True, False])
def test_19_two_averaging_hooks_are_refused(tmp_path, other, first):
    hooks = [OURS, other] if first else [other, OURS]
    runner = build_runner(tmp_path, hooks)
    with pytest.raises(ValueError, match='two hooks average the model') as e:
        runner.train()
    assert 'SwitchEMAHook' in str(e.value)
    assert other['type'].rpartition('.')[2] in str(e.value)


def test_19_mmpretrains_hook_is_refused_as_well(tmp_path):
    hooks = pytest.importorskip('mmpretrain.engine.hooks')
    assert issubclass(hooks.EMAHook, EMAHook)
    runner = build_runner(tmp_path, [OURS, hooks.EMAHook()])
    with pytest.raises(ValueError, match='mmpretrain.*EMAHook'):
        runner.train()


# 20: unknown arguments


@pytest.mark.parametrize(
    'name, hint',
    [('momentun', "'momentum'"), ('switch_intervall', "'switch_interval'")],
)
def test_20_unknown_arguments_are_refused(name, hint):
    with pytest.raises(TypeError, match=f"'{name}'.*{hint}"):
        SwitchEMAHook(**{name: 1})
    with pytest.raises(TypeError, match='momentun'):
        SwitchEMA(nn.Linear(1, 1), momentun=0.1)


# 21: schedules that never fire


@pytest.mark.parametrize(
    'changes',
    [
        dict(switch_interval=4),
        dict(switch_begin=3),
        dict(by_epoch=False, switch_interval=19),
        dict(begin_epoch=3, switch_end=2),
    ],
)
def test_21_a_schedule_that_never_fires_is_refused(tmp_path, changes):
    runner = build_runner(tmp_path, dict(OURS, **changes))
    with pytest.raises(ValueError, match='never be switched'):
        runner.train()


def test_21_epochs_are_refused_in_an_iteration_based_run(tmp_path):
    runner = build_runner(tmp_path, OURS, iters=9)
    with pytest.raises(ValueError, match='by_epoch=False'):
        runner.train()


def test_21_the_plan_is_said_once(tmp_path, capsys):
    runner = build_runner(
        tmp_path, dict(OURS, switch_begin=1), log_level='INFO'
    )
    runner.train()
    plan, *switches = said(capsys, 'in all|Switch [0-9]')
    assert 'switch after epoch 2, 3: 2 in all, 6 optimizer' in plan
    first, second = switches
    assert 'Switch 1 after epoch 2:' in first
    assert 'Switch 2 after epoch 3:' in second


# 22: windows longer than the switch interval


@pytest.mark.parametrize(
    'changes, wrapper, expected',
    [
        (dict(momentum=0.1), None, ('10 optimizer', '6 steps', '=0.5 ')),
        (dict(momentum=0.2), None, None),
        (
            dict(momentum=0.2),
            accumulating(2),
            ('5 optimizer', '3 steps', '=0.5 '),
        ),
        (dict(momentum=0.01, switch_interval=None), None, None),
    ],
)
def test_22_a_long_window_is_warned_of(
    tmp_path, capsys, changes, wrapper, expected
):
    kwargs = dict(optim_wrapper=wrapper) if wrapper else {}
    runner = build_runner(tmp_path, dict(OURS, **changes), **kwargs)
    runner.train()
    lines = said(capsys, 'window')
    assert len(lines) == (expected is not None)
    for part in expected or ():
        assert part in lines[0]


# 23: the other convention


@pytest.mark.parametrize(
    'wrong, right', [(0.999, '0.001'), (0.9998, '0.0002'), (0.9, '0.1')]
)
def test_23_a_decay_for_a_momentum_is_refused(wrong, right):
    with pytest.raises(ValueError, match=f'write momentum={right}$'):
        SwitchEMAHook(momentum=wrong)


# 24: evaluation of both


def test_24_metrics_of_both_rule_checkpoints_and_stopping(tmp_path):
    seen = []

    class Collect(Hook):
        priority = 'LOWEST'

        def after_train_iter(self, runner, *args, **kwargs):
            if (runner.iter + 1) % 6 == 0:
                model = runner.model
                seen.append({k: v.clone() for k, v in snapshot(model)})

        def after_val_epoch(self, runner, metrics=None):
            seen[-1]['metrics'] = dict(metrics)

    def snapshot(model):
        return model.state_dict().items()

    runner = build_runner(
        tmp_path,
        [
            dict(OURS, evaluate_on_origin=True),
            dict(
                type='EarlyStoppingHook',
                monitor='toy/score_origin',
                rule='greater',
                patience=99,
            ),
            Collect(),
        ],
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook',
                interval=1,
                save_best='toy/score_origin',
                rule='greater',
            )
        ),
    )
    train(runner)
    for epoch, entry in enumerate(seen, 1):
        metrics = entry.pop('metrics')
        state = load(tmp_path / f'epoch_{epoch}.pth')['state_dict']
        assert metrics['toy/score'] == pytest.approx(score(state), abs=1e-6)
        assert metrics['toy/score_origin'] == pytest.approx(
            score(entry), abs=1e-6
        )
        assert metrics['toy/score'] != metrics['toy/score_origin']
    assert list(tmp_path.glob('best_toy_score_origin_epoch_*.pth'))
    hub = runner.message_hub
    assert hub.get_scalar('val/toy/score_origin').current() == pytest.approx(
        metrics['toy/score_origin']
    )


def test_24_the_origin_alone(tmp_path):
    runner = build_runner(
        tmp_path,
        dict(PLAIN, evaluate_on_ema=False, evaluate_on_origin=True),
    )
    train(runner)
    metrics = runner.val_loop.run()
    expected = score(runner.model.state_dict())
    assert metrics['toy/score'] == pytest.approx(expected, abs=1e-6)
    assert 'toy/score_origin' not in metrics


def score(state):
    """The toy metric, computed by hand."""
    model = ToyModel()
    model.load_state_dict(state)
    model.eval()
    data = ToyData(12)
    scores = model(data.images).softmax(1).detach()
    return float(scores.gather(1, data.labels[:, None]).mean())
