"""The hook that switches a model's own average into its online network."""

import math

import pytest
import torch
from mmengine.hooks import Hook

from sema_mm import SwitchEMAHook
from sema_mm.hooks import switch_hook, switch_target_hook
from tests.helpers.exact import assert_differ, assert_same, frozen
from tests.helpers.selfsup_toys import (
    EPOCHS,
    MODELS_WITH_TARGET,
    SIMCLR,
    STEPS,
    Images,
    build,
    build_model,
    loader,
)
from tests.helpers.toy import find_hook

pytest.importorskip('mmpretrain')

HOOK = dict(type='sema_mm.SwitchTargetHook')
KINDS = pytest.mark.parametrize('kind', MODELS_WITH_TARGET)


def pairs(state, target):
    """Pair the keys of the online network and of its average, by name."""
    for key in state:
        for number, part in enumerate(('backbone', 'neck')):
            start = f'{target}.module.{number}.'
            if key.startswith(start):
                yield key.replace(start, f'{part}.'), key


def weights(state, target):
    """Keep what a switch writes: no buffers, and not the frozen bias."""
    return [
        (online, average)
        for online, average in pairs(state, target)
        if 'running' not in online
        and 'num_batches' not in online
        and online != 'backbone.conv.bias'
    ]


class Witness(Hook):
    """Keeps the whole state at the end of each epoch."""

    def __init__(self, priority):
        self.priority = priority
        self.states, self.places = [], []

    def after_train_epoch(self, runner):
        self.states.append(frozen(state_of(runner)))
        model = runner.model.state_dict()
        self.places.append({k: t.data_ptr() for k, t in model.items()})


def state_of(runner):
    return dict(
        model=dict(runner.model.state_dict()),
        optimizer=runner.optim_wrapper.state_dict(),
    )


def trained(work_dir, cfg, hooks):
    runner = build(work_dir, cfg, hooks)
    runner.train()
    return state_of(runner)


class ByName(Hook):
    """The oracle: copies the average by the names in the state dict."""

    def __init__(self, target, epochs):
        self.target, self.epochs = target, epochs

    def after_train_epoch(self, runner):
        if runner.epoch + 1 in self.epochs:
            state = runner.model.state_dict()
            for online, average in weights(state, self.target):
                state[online].copy_(state[average])


@KINDS
def test_a_switch_makes_the_online_network_the_target(kind, tmp_path):
    target, cfg = MODELS_WITH_TARGET[kind]
    before, after = Witness('HIGH'), Witness('LOW')
    build(tmp_path, cfg, [HOOK, before, after]).train()
    for old, new in zip(before.states, after.states):
        written = weights(new['model'], target)
        assert len(written) >= 6
        for online, average in written:
            assert torch.equal(new['model'][online], new['model'][average])
        changed = {online for online, _ in written}
        assert_differ(
            {key: old['model'][key] for key in changed},
            {key: new['model'][key] for key in changed},
        )
        # Predictor, queue, target, optimizer, statistics, frozen weights.
        for state in (old, new):
            for key in changed:
                del state['model'][key]
        assert_same(old, new)
    assert before.places[0] == after.places[-1]


@KINDS
def test_the_run_is_that_of_a_copy_by_name(kind, tmp_path):
    target, cfg = MODELS_WITH_TARGET[kind]
    hook = dict(HOOK, switch_interval=2, switch_begin=1)
    ours, theirs, plain = (
        trained(tmp_path / name, cfg, hooks)
        for name, hooks in (
            ('ours', [hook]),
            ('theirs', [ByName(target, [3])]),
            ('plain', []),
        )
    )
    assert_same(ours, theirs)
    assert_differ(ours, plain)


def test_iterations_are_counted(tmp_path):
    target, cfg = MODELS_WITH_TARGET['byol']
    seen = []

    class Look(Hook):
        priority = 'LOW'

        def after_train_iter(self, runner, *args, **kwargs):
            state = runner.model.state_dict()
            if all(
                torch.equal(state[a], state[b])
                for a, b in weights(state, target)
            ):
                seen.append(runner.iter + 1)

    hook = dict(HOOK, by_epoch=False, switch_interval=5, switch_end=10)
    build(tmp_path, cfg, [hook, Look()]).train()
    assert seen == [5, 10]


@KINDS
@pytest.mark.parametrize('stop', range(1, EPOCHS))
def test_a_resumed_run_is_the_same(kind, stop, tmp_path):
    _, cfg = MODELS_WITH_TARGET[kind]
    checkpoint = dict(
        checkpoint=dict(type='sema_mm.SafeCheckpointHook', interval=1)
    )

    class Stop(Hook):
        priority = 'LOWEST'

        def after_train_epoch(self, runner):
            if runner.epoch + 1 == stop:
                raise KeyboardInterrupt

    straight = build(tmp_path / 'a', cfg, [HOOK], default_hooks=checkpoint)
    straight.train()
    killed = build(
        tmp_path / 'b', cfg, [HOOK, Stop()], default_hooks=checkpoint
    )
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    resumed = build(
        tmp_path / 'b', cfg, [HOOK], default_hooks=checkpoint, resume=True
    )
    resumed.train()
    assert_same(state_of(resumed), state_of(straight))


def test_switches_are_scalars(tmp_path):
    _, cfg = MODELS_WITH_TARGET['byol']
    runner = build(tmp_path, cfg, [HOOK])
    runner.train()
    values, _ = runner.message_hub.get_scalar('train/sema/switches').data
    assert values.tolist() == [1, 2, 3, 4]
    distances, _ = runner.message_hub.get_scalar('train/sema/distance').data
    assert (distances > 0).all()


def test_a_target_that_is_not_finite_is_not_switched(tmp_path):
    _, cfg = MODELS_WITH_TARGET['moco']

    class Poison(Hook):
        priority = 'HIGH'

        def after_train_epoch(self, runner):
            average = runner.model.encoder_k.module
            next(average.parameters()).data.fill_(torch.nan)

    runner = build(tmp_path, cfg, [HOOK, Poison()], epochs=1)
    runner.train()
    parts = (*runner.model.backbone.parameters(),)
    assert all(p.isfinite().all() for p in parts)


def sentence(tmp_path, hooks, cfg=None, **changes):
    cfg = cfg or MODELS_WITH_TARGET['byol'][1]
    with pytest.raises((ValueError, TypeError, RuntimeError)) as error:
        build(tmp_path, cfg, hooks, **changes).train()
    text = str(error.value)
    assert '\n' not in text and len(text) < 450
    assert 'plain EMA' not in text
    assert not list(tmp_path.glob('*.pth'))
    return text


WRONG = [  # hooks, part of the sentence
    ([dict(HOOK, switch_interval=None)], 'would never switch'),
    ([dict(HOOK, switch_interval=0)], 'switch_interval=0 must be at'),
    ([dict(HOOK, by_epoch='yes')], 'by_epoch must be True or False'),
    ([dict(HOOK, online='backbone')], "such as ['backbone', 'neck']"),
    ([dict(HOOK, online=5)], "['backbone', 'neck']; got 5"),
    ([dict(HOOK, online=[1])], "['backbone', 'neck']; got [1]"),
    ([dict(HOOK, evaluate_on_target=1)], 'evaluate_on_target must be True'),
    (
        [
            dict(HOOK, evaluate_on_target=True),
            dict(type='sema_mm.SwitchEMAHook', switch_interval=None),
        ],
        'to evaluate it: leave one',
    ),
    ([dict(HOOK, online=['backbone'])], "'conv.weight' of shape"),
    ([dict(HOOK, online=['backbone', 'head'])], 'is no average of'),
    ([dict(HOOK, target='teacher')], "'teacher', which is no sub-module"),
    ([dict(HOOK, switch_interval=5)], 'would never be switched'),
    ([dict(HOOK, priority='LOWEST')], 'leave its priority out'),
    ([HOOK, dict(HOOK, switch_interval=2)], 'two hooks write averages'),
    ([HOOK, dict(type='sema_mm.SwitchEMAHook')], 'switch_interval=None'),
]


@pytest.mark.parametrize('hooks, part', WRONG, ids=[w[1] for w in WRONG])
def test_wrong_hooks_get_a_sentence(hooks, part, tmp_path):
    assert part in sentence(tmp_path, hooks)


def test_a_model_without_a_target_gets_a_sentence(tmp_path):
    text = sentence(tmp_path, [HOOK], SIMCLR)
    assert text.startswith('SimCLR holds no average of its own networks')
    assert 'use SwitchEMAHook' in text


def test_shards_are_refused(tmp_path, monkeypatch):
    class Sharded:
        sharded = True

    monkeypatch.setattr(switch_target_hook, 'backend_of', lambda _: Sharded)
    assert 'whole on every rank' in sentence(tmp_path, [HOOK])


def test_plain_averaging_beside_it_is_allowed(tmp_path):
    ema = dict(type='sema_mm.SwitchEMAHook', switch_interval=None)
    runner = build(tmp_path, MODELS_WITH_TARGET['byol'][1], [HOOK, ema])
    runner.train()
    names = find_hook(runner, SwitchEMAHook).average.average_now()
    # The target is not trained: it is not averaged once more.
    assert names and not any('target_net' in name for name in names)


@pytest.mark.parametrize('kind', ['moco', None])
@pytest.mark.parametrize('interval', [1, None])
def test_a_second_average_that_switches_is_warned_of(
    kind, interval, tmp_path, capsys
):
    name, cfg = MODELS_WITH_TARGET.get(kind, ('', SIMCLR))
    ema = dict(type='sema_mm.SwitchEMAHook', switch_interval=interval)
    build(tmp_path, cfg, [ema], epochs=1).train()
    text = f"the model averages itself, as '{name}', and a second average"
    warned = capsys.readouterr().out.count(text)
    assert warned == (1 if kind and interval else 0)


@pytest.fixture
def said(monkeypatch):
    """Collect what the hook logs."""
    texts = []
    monkeypatch.setattr(
        switch_hook, 'print_log', lambda text, **_: texts.append(text)
    )
    return texts


@pytest.fixture
def warned(said, tmp_path):
    """Give what the hook logs before a run."""

    def start(hook, kind='byol', **model):
        said.clear()
        cfg = dict(MODELS_WITH_TARGET[kind][1], **model)
        build(tmp_path, cfg, [hook]).train()
        return said

    return start


def test_the_plan_is_said(warned):
    said = warned(dict(HOOK, switch_interval=2))
    assert said[0] == (
        'SwitchTargetHook: backbone+neck <- target_net; switch after epoch '
        '2, 4: 2 in all, 6 optimizer steps apart.'
    )


def test_the_switch_whose_window_is_too_long_is_named(warned):
    def momentum(epoch):
        done = (epoch * STEPS - 1) / (EPOCHS * STEPS)
        return 0.6 * (math.cos(math.pi * done) + 1) / 2

    late = [n for n in range(1, 5) if 1 / momentum(n) > STEPS]
    said = warned(HOOK, base_momentum=0.6)
    assert f'at the switch after epoch {late[0]} the window' in said[1]
    assert f'{1 / momentum(late[0]):.6g} iterations' in said[1]
    said = warned(dict(HOOK, switch_end=late[0] - 1), base_momentum=0.6)
    assert not any('window' in text for text in said)


@pytest.mark.parametrize('momentum, good', [(0.34, True), (0.33, False)])
def test_a_constant_momentum_fits_or_not(warned, momentum, good):
    said = warned(HOOK, 'moco', momentum=momentum)
    assert any('window' in text for text in said) is not good


EVALUATED = dict(HOOK, evaluate_on_target=True)


class Evaluation(Hook):
    """Keeps the model's state before, in and after each evaluation."""

    def __init__(self, fail=False):
        self.fail, self.seen = fail, []
        self.after = self.before = None

    def before_run(self, runner):
        for loop in (runner._val_loop, runner._test_loop):
            if not isinstance(loop, dict):
                loop.run = self.watched(runner, loop.run)

    def watched(self, runner, run):
        def run_watched():
            self.before = frozen(dict(runner.model.state_dict()))
            try:
                return run()
            finally:
                self.after = frozen(dict(runner.model.state_dict()))

        return run_watched

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        self.seen.append(frozen(dict(runner.model.state_dict())))
        if self.fail:
            raise KeyError('an image')

    before_test_iter = before_val_iter


def evaluated(tmp_path, kind, hooks, **changes):
    """Build a runner that also validates and tests."""
    data = loader(Images(8, views=False))
    how = dict(bank=loader(Images(8, views=False)), k=2)
    metric = dict(type='Accuracy', prefix='knn')
    arguments = dict(
        val_dataloader=data,
        val_cfg=dict(type='sema_mm.tasks.selfsup.KNNValLoop', **how),
        val_evaluator=metric,
        test_dataloader=data,
        test_cfg=dict(type='sema_mm.tasks.selfsup.KNNTestLoop', **how),
        test_evaluator=metric,
        epochs=1,
    )
    cfg = MODELS_WITH_TARGET[kind][1]
    return build(tmp_path, cfg, hooks, **dict(arguments, **changes))


def exchanged(state, target):
    """Exchange the two networks by name: the oracle."""
    after = dict(state)
    for online, average in weights(state, target):
        after[online], after[average] = state[average], state[online]
    return after


@KINDS
@pytest.mark.parametrize('mode', ['val', 'test'])
def test_the_target_is_evaluated(kind, mode, tmp_path):
    look = Evaluation()
    hook = dict(EVALUATED, switch_interval=None)
    runner = evaluated(tmp_path, kind, [hook, look])
    runner.train()
    if mode == 'test':
        look.seen.clear()
        runner.test()
    (seen,) = look.seen
    target = MODELS_WITH_TARGET[kind][0]
    assert_same(seen, exchanged(look.before, target))
    assert_differ(
        {a: seen[a] for a, _ in weights(seen, target)},
        {a: look.before[a] for a, _ in weights(seen, target)},
    )
    assert_same(look.after, look.before)


def test_the_model_is_evaluated_as_it_is_by_default(tmp_path):
    look = Evaluation()
    hook = dict(HOOK, by_epoch=False, switch_interval=2)
    evaluated(tmp_path, 'byol', [hook, look]).train()
    (seen,) = look.seen
    assert_same(seen, look.before)


def test_a_checkpoint_is_tested_on_either_network(tmp_path, said):
    trained = evaluated(tmp_path, 'byol', [])
    trained.train()
    saved = frozen(dict(trained.model.state_dict()))
    torch.save(dict(state_dict=saved), tmp_path / 'both.pth')
    own = "target_net, the model's own average of backbone+neck"
    for hooks, expected, tested in (
        ([dict(EVALUATED, switch_interval=None)], exchanged, [own]),
        ([HOOK], same, ['backbone+neck as they are']),
        ([], same, []),
    ):
        look = Evaluation()
        runner = evaluated(
            tmp_path,
            'byol',
            [*hooks, look],
            load_from=str(tmp_path / 'both.pth'),
        )
        runner.test()
        assert_same(look.seen[0], expected(saved, 'target_net'))
        assert said == [f'Testing {what}.' for what in tested]
        said.clear()


def test_a_test_says_that_there_is_no_average(tmp_path, said):
    runner = evaluated(tmp_path, 'byol', [EVALUATED])
    runner.test()
    text = 'backbone+neck as they are: target_net was never updated.'
    assert said == [f'Testing {text}']


def same(state, target):
    return state


def test_an_evaluation_that_fails_leaves_the_weights(tmp_path):
    look = Evaluation(fail=True)
    hook = dict(EVALUATED, switch_interval=None)
    runner = evaluated(tmp_path, 'moco', [hook, look])
    with pytest.raises(KeyError, match='an image'):
        runner.train()
    assert_differ(look.seen[0], look.before)
    assert_same(dict(runner.model.state_dict()), look.before)


def test_a_target_without_an_update_is_not_evaluated(tmp_path):
    look = Evaluation()
    first = dict(type='sema_mm.FirstValidationHook')
    evaluated(tmp_path, 'byol', [EVALUATED, first, look]).train()
    assert_same(look.seen[0], frozen(build_model_state()))


def build_model_state():
    cfg = MODELS_WITH_TARGET['byol'][1]
    return dict(build_model(cfg).state_dict())


def test_a_baseline_whose_target_is_evaluated_trains_as_without(tmp_path):
    states = []
    for name, hooks in (
        ('with', [dict(EVALUATED, switch_interval=None)]),
        ('without', []),
    ):
        runner = evaluated(tmp_path / name, 'byol', hooks, epochs=2)
        runner.train()
        states.append(state_of(runner))
    assert_same(*states)
