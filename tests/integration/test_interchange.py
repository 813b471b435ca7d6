"""Checkpoints go back and forth between mmengine's EMAHook and ours."""

import copy
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import load_checkpoint
from mmengine.runner._flexible_runner import FlexibleRunner
from torch import nn

from sema_mm import SwitchEMAHook, mmengine_patches
from tests.helpers.exact import assert_differ, assert_same, differences, frozen
from tests.helpers.toy import (
    ToyData,
    ToyModel,
    build_runner,
    find_hook,
    loader,
)

ROOT = Path(__file__).parents[2]
OURS = dict(type='sema_mm.SwitchEMAHook')
THEIRS = dict(type='mmengine.EMAHook')
SGD = dict(type='SGD', lr=0.1, momentum=0.9)
LOOPS = dict(epochs=dict(epochs=4), iters=dict(epochs=4, iters=9))
FILES = dict(epochs='epoch_{}.pth', iters='iter_{}.pth')
STOPS = dict(epochs=(1, 2, 3), iters=(1, 4, 6))
LAST = dict(epochs=4, iters=9)

#: Name of a setting: arguments of mmengine's hook, of ours, optimizer.
SETTINGS = dict(
    plain=(dict(momentum=0.1), dict(momentum=0.1), SGD),
    adamw=(
        dict(momentum=0.1),
        dict(momentum=0.1),
        dict(type='AdamW', lr=0.02),
    ),
    anneal=(
        dict(ema_type='MomentumAnnealingEMA', momentum=0.01, gamma=5),
        dict(warmup='anneal', momentum=0.01, gamma=5),
        SGD,
    ),
    interval=(
        dict(momentum=0.1, interval=3),
        dict(momentum=0.1, interval=3),
        SGD,
    ),
    begin_iter=(
        dict(momentum=0.1, begin_iter=6),
        dict(momentum=0.1, begin_iter=6),
        SGD,
    ),
    update_buffers=(
        dict(momentum=0.1, update_buffers=True),
        dict(momentum=0.1, update_buffers=True),
        SGD,
    ),
)


class Memory(logging.Handler):
    """Keeps the warnings of a runner."""

    def __init__(self, runner):
        super().__init__(logging.WARNING)
        self.texts = []
        runner.logger.addHandler(self)

    def emit(self, record):
        self.texts.append(record.getMessage())


class Notes(Hook):
    """Keeps copies of model and average as the run goes on."""

    priority = 'LOWEST'

    def __init__(self):
        self.models, self.metrics = [], []

    def before_train(self, runner):
        self.model_at_start = frozen(dict(runner.model.named_parameters()))
        self.average_at_start = frozen(dict(average_of(runner).state_dict()))

    def after_train_iter(self, runner, *args, **kwargs):
        self.models.append(frozen(dict(runner.model.named_parameters())))

    def after_val_epoch(self, runner, metrics=None):
        self.metrics.append(dict(metrics))


def average_of(runner):
    """Return the averaged model of either hook."""
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            return hook.ema_model
    return find_hook(runner, SwitchEMAHook).average


def train(work_dir, hook, loop='epochs', optimizer=SGD, **changes):
    """Train to the end; return what the two hooks must agree in."""
    mmengine_patches.install()
    notes = Notes()
    runner = build_runner(
        work_dir,
        [hook, notes],
        optim_wrapper=dict(optimizer=dict(optimizer)),
        **LOOPS[loop],
        **changes,
    )
    runner.train()
    saved = read(work_dir, loop, LAST[loop])
    return frozen(
        dict(
            model=dict(runner.model.state_dict()),
            average=dict(average_of(runner).state_dict()),
            optimizer=runner.optim_wrapper.state_dict(),
            state_dict=dict(saved['state_dict']),
            ema_state_dict=dict(saved['ema_state_dict']),
            metrics=notes.metrics,
        )
    )


def read(work_dir, loop, number):
    path = Path(work_dir) / FILES[loop].format(number)
    return torch.load(path, weights_only=False)


def agree(one, other, setting):
    """Demand the same bits; mmengine freezes integers it averages."""
    found = list(differences(one, other))
    if setting == 'update_buffers':
        found = [f for f in found if 'num_batches_tracked' not in f]
    assert not found, '; '.join(found[:5])


@pytest.mark.parametrize('loop', list(LOOPS))
@pytest.mark.parametrize('setting', list(SETTINGS))
def test_ours_goes_on_where_emahook_stopped(tmp_path, setting, loop):
    """A run of EMAHook, resumed by ours, ends as EMAHook ends it."""
    theirs, ours, optimizer = SETTINGS[setting]
    expected = train(tmp_path / 'a', {**THEIRS, **theirs}, loop, optimizer)
    hook = {**OURS, 'switch_interval': None, **ours}
    for number in STOPS[loop]:
        path = str(tmp_path / 'a' / FILES[loop].format(number))
        found = train(
            tmp_path / f'b{number}',
            hook,
            loop,
            optimizer,
            model=other_weights(),
            load_from=path,
            resume=True,
        )
        vals = len(found['metrics'])
        assert 0 < vals <= len(expected['metrics'])
        later = {**expected, 'metrics': expected['metrics'][-vals:]}
        agree(found, later, setting)


@pytest.mark.parametrize('loop', list(LOOPS))
@pytest.mark.parametrize('setting', list(SETTINGS))
def test_emahook_goes_on_where_ours_stopped(tmp_path, setting, loop):
    """A run that switched, resumed by EMAHook or by ours without switches.

    Iteration 6 and all epochs end with a switch, unless nothing is averaged
    by then.
    """
    theirs, ours, optimizer = SETTINGS[setting]
    ours = {**OURS, **ours}
    schedule = dict(by_epoch=loop == 'epochs', switch_interval=1)
    if loop == 'iters':
        schedule['switch_interval'] = 3
    train(tmp_path / 'a', {**ours, **schedule}, loop, optimizer)
    for number in STOPS[loop]:
        path = str(tmp_path / 'a' / FILES[loop].format(number))
        expected, found = (
            train(
                tmp_path / f'{name}{number}',
                hook,
                loop,
                optimizer,
                model=other_weights(),
                load_from=path,
                resume=True,
            )
            for name, hook in (
                ('ours', {**ours, 'switch_interval': None}),
                ('theirs', {**THEIRS, **theirs}),
            )
        )
        agree(found, expected, setting)


def test_control_the_average_matters(tmp_path):
    """A nudged average in the file does not go unnoticed."""
    hook = dict(**OURS, momentum=0.1)
    train(tmp_path / 'a', hook)
    content = read(tmp_path / 'a', 'epochs', 2)
    bias = content['state_dict']['head.bias'].clone()
    content['state_dict']['head.bias'] = bias + 1e-3
    torch.save(content, tmp_path / 'nudged.pth')
    results = [
        train(
            tmp_path / f'{index}',
            dict(**THEIRS, momentum=0.1),
            load_from=str(path),
            resume=True,
        )
        for index, path in enumerate(
            [tmp_path / 'a' / 'epoch_2.pth', tmp_path / 'nudged.pth']
        )
    ]
    assert_differ(results[0]['average'], results[1]['average'])


def other_weights():
    """Build a toy model that no checkpoint was trained from."""
    torch.manual_seed(4321)
    return ToyModel()


WITHOUT_US = """
import sys
sys.modules['sema_mm'] = None  # As if it were not installed.
import torch
"""

RESUME = """
from mmengine.hooks import EMAHook
from tests.helpers.toy import build_runner, find_hook
path, work_dir, result = sys.argv[1:]
runner = build_runner(
    work_dir, dict(type='EMAHook', momentum=0.1), epochs=4,
    load_from=path, resume=True)
runner.train()
average = find_hook(runner, EMAHook).ema_model
torch.save(dict(model=dict(runner.model.state_dict()),
                average=dict(average.state_dict())), result)
"""


def run_without_us(script, *arguments):
    """Run a script in a Python that cannot import this package."""
    environment = dict(
        os.environ,
        TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD='1',
        PYTHONPATH=str(ROOT),
        OMP_NUM_THREADS='1',
    )
    done = subprocess.run(
        [sys.executable, '-c', WITHOUT_US + script, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
def test_emahook_goes_on_without_this_package(tmp_path):
    """Another process, where this package cannot be imported."""
    ours = dict(**OURS, momentum=0.1)
    train(tmp_path / 'a', ours)
    path = tmp_path / 'a' / 'epoch_2.pth'
    run_without_us(RESUME, path, tmp_path / 'b', tmp_path / 'result.pth')
    expected = train(
        tmp_path / 'c',
        dict(ours, switch_interval=None),
        load_from=str(path),
        resume=True,
    )
    found = torch.load(tmp_path / 'result.pth')
    assert_same(found['model'], expected['model'])
    assert_same(found['average'], expected['average'])


# Inference with the file.


def test_plain_model_reads_the_average(tmp_path):
    """The file has exactly the keys of the model, and the average in them."""
    hook = dict(**OURS, momentum=0.1, switch_interval=None)
    result = train(tmp_path, hook)
    content = read(tmp_path, 'epochs', 4)
    model = other_weights()
    assert list(content['state_dict']) == list(model.state_dict())
    assert set(content['ema_state_dict']) == {
        'steps',
        *(f'module.{key}' for key in model.state_dict()),
    }
    load_checkpoint(model, str(tmp_path / 'epoch_4.pth'), strict=True)
    for key, value in model.state_dict().items():
        assert torch.equal(value, result['average'][f'module.{key}']), key
        assert torch.equal(
            content['ema_state_dict'][f'module.{key}'], result['model'][key]
        )
    assert_differ(result['model'], dict(model.state_dict()))


CLASSIFIER = dict(
    type='ImageClassifier',
    backbone=dict(
        type='ResNet_CIFAR',
        depth=18,
        stem_channels=8,
        base_channels=8,
        num_stages=4,
        out_indices=(3,),
        style='pytorch',
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=2,
        in_channels=64,
        loss=dict(type='CrossEntropyLoss'),
    ),
)

PREDICT = """
torch.set_num_threads(1)
from mmpretrain import get_model
config, path, images, result = sys.argv[1:]
model = get_model(config, pretrained=path, device='cpu').eval()
with torch.no_grad():
    features = model.extract_feat(torch.load(images))
    torch.save(model.head(features), result)
"""


class Labelled(ToyData):
    """The toy images in colour, as mmpretrain wants them."""

    def __getitem__(self, index):
        from mmpretrain.structures import DataSample

        item = super().__getitem__(index)
        sample = DataSample().set_gt_label(item['label'])
        return dict(inputs=item['inputs'].repeat(3, 2, 2), data_samples=sample)


@pytest.mark.slow
def test_plain_mmpretrain_predicts_with_the_average(tmp_path):
    """mmpretrain, in a process that cannot import this package."""
    pytest.importorskip('mmpretrain')
    data = loader()
    data['dataset'] = Labelled()
    runner = build_runner(
        tmp_path / 'run',
        # As named in a config: the scope of another project is no obstacle.
        dict(**OURS, momentum=0.1, switch_interval=None),
        epochs=2,
        model=copy.deepcopy(CLASSIFIER),
        train_dataloader=data,
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
        default_scope='mmpretrain',
    )
    runner.train()
    images = torch.stack([data['dataset'][i]['inputs'] for i in range(8)])
    torch.save(images, tmp_path / 'images.pth')
    Config(dict(model=CLASSIFIER)).dump(str(tmp_path / 'config.py'))
    run_without_us(
        PREDICT,
        tmp_path / 'config.py',
        tmp_path / 'run' / 'epoch_2.pth',
        tmp_path / 'images.pth',
        tmp_path / 'result.pth',
    )
    found = torch.load(tmp_path / 'result.pth')
    average = find_hook(runner, SwitchEMAHook).average
    assert torch.equal(found, predicted(runner.model, images, {}, average))
    assert not torch.equal(found, predicted(runner.model, images))


def predicted(model, images, weights=None, average=None):
    """Predict with the model's own or the averaged weights, one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    if average is not None:
        weights = {k: v.detach() for k, v in average.average_now().items()}
        plain = {k: v.clone() for k, v in model.state_dict().items()}
        model.load_state_dict({**plain, **weights})
    model.eval()
    with torch.no_grad():
        logits = model.head(model.extract_feat(images))
    if average is not None:
        model.load_state_dict(plain)
    torch.set_num_threads(threads)
    return logits


# Size.


def big_model():
    """About a million parameters."""
    torch.manual_seed(3)
    return ToyModel(classes=1000, tail=nn.Linear(1000, 1000))


def file_of_one_epoch(work_dir, hook, **changes):
    build_runner(
        work_dir,
        hook,
        epochs=1,
        model=big_model(),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        **changes,
    ).train()
    return work_dir / 'epoch_1.pth'


def test_right_after_a_switch_the_file_is_as_small_as_without(tmp_path):
    """Model and average are equal there, and stored once."""
    hook = dict(**OURS, momentum=0.1)
    plain = file_of_one_epoch(tmp_path / 'plain', None)
    switched = file_of_one_epoch(tmp_path / 'switched', hook)
    kept = file_of_one_epoch(
        tmp_path / 'kept', dict(hook, switch_interval=None)
    )
    assert switched.stat().st_size <= 1.01 * plain.stat().st_size
    assert kept.stat().st_size > 1.9 * plain.stat().st_size
    content = torch.load(switched, weights_only=False)
    for key, value in content['state_dict'].items():
        other = content['ema_state_dict'][f'module.{key}']
        assert value.data_ptr() == other.data_ptr(), key
    content = torch.load(kept, weights_only=False)
    tail = content['ema_state_dict']['module.tail.weight']
    assert content['state_dict']['tail.weight'].data_ptr() != tail.data_ptr()


class Pointers(Hook):
    """Notes where model and average are in memory as training starts."""

    def before_train(self, runner):
        averages = find_hook(runner, SwitchEMAHook).average.average_now()
        self.averages = {a.data_ptr() for a in averages.values()}
        self.model = {p.data_ptr() for p in runner.model.parameters()}


@pytest.mark.parametrize('resume', [True, False])
def test_loaded_model_and_average_share_no_memory(tmp_path, resume):
    """What was stored once is two tensors again."""
    hook = dict(**OURS, momentum=0.1)
    train(tmp_path / 'a', hook)
    path = str(tmp_path / 'a' / 'epoch_2.pth')
    pointers = Pointers()
    build_runner(
        tmp_path / 'b', [hook, pointers], load_from=path, resume=resume
    ).train()
    assert len(pointers.averages) == len(pointers.model) == 6
    assert not pointers.averages & pointers.model


# Checkpoints that hold no average, or another model.


def expected_average(models, momentum):
    """Average a list of models anew, in float64."""
    average = {k: v.double() for k, v in models[0].items()}
    for model in models[1:]:
        for key, value in model.items():
            old = average[key]
            average[key] = old + momentum * (value.double() - old)
    return average


def test_baseline_resumed_with_averaging(tmp_path):
    """The average starts anew, with one warning; training goes on."""
    whole = build_runner(tmp_path / 'whole', epochs=4)
    whole.train()
    notes = Notes()
    runner = build_runner(
        tmp_path / 'resumed',
        [dict(**OURS, momentum=0.1, switch_interval=None), notes],
        epochs=4,
        model=other_weights(),
        load_from=str(tmp_path / 'whole' / 'epoch_2.pth'),
        resume=True,
    )
    memory = Memory(runner)
    runner.train()
    about = [text for text in memory.texts if 'ema_state_dict' in text]
    assert len(about) == 1, memory.texts
    # Averaging alone does not change the training.
    assert_same(
        frozen(dict(runner.model.state_dict())),
        frozen(dict(whole.model.state_dict())),
    )
    average = find_hook(runner, SwitchEMAHook).average
    assert average.steps == len(notes.models) == 12
    for key, value in expected_average(notes.models, 0.1).items():
        found = average.average_now()[key].detach().double()
        torch.testing.assert_close(found, value, rtol=1e-6, atol=1e-7)


def load_into(work_dir, path, classes=2, **changes):
    """Train from the weights of a file, for a number of classes."""
    torch.manual_seed(4321)
    notes = Notes()
    runner = build_runner(
        work_dir,
        [dict(**OURS, momentum=0.1), notes],
        epochs=1,
        model=ToyModel(classes=classes),
        load_from=str(path),
        **changes,
    )
    memory = Memory(runner)
    before = frozen(dict(runner.model.named_parameters()))
    runner.train()
    return before, notes, memory


@pytest.mark.parametrize('hook', [None, OURS, THEIRS])
def test_load_from_with_other_classes(tmp_path, hook):
    """The average is the loaded model; one warning names what differs."""
    hook = hook and dict(hook, momentum=0.1)
    build_runner(tmp_path / 'a', hook, epochs=2).train()
    path = tmp_path / 'a' / 'epoch_2.pth'
    before, notes, memory = load_into(tmp_path / 'b', path, classes=5)
    content = torch.load(path, weights_only=False)
    loaded = notes.model_at_start
    for key, value in loaded.items():
        fits = not key.startswith('head')
        source = content['state_dict'] if fits else before
        assert torch.equal(value, source[key]), key
        assert torch.equal(notes.average_at_start[f'module.{key}'], value)
    assert notes.average_at_start['steps'] == 0
    # The engine itself warns too, of the model: that is another text.
    about = [
        text
        for text in memory.texts
        if 'average' in text and 'size mismatch' not in text
    ]
    about = [text for text in about if 'head' in text]
    assert len(about) == 1, memory.texts
    assert 'head.weight' in about[0] and 'head.bias' in about[0]
    assert 'conv.weight' not in about[0]


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('hook', [None, OURS, THEIRS])
def test_load_from_the_same_classes_is_silent(tmp_path, hook, prefix):
    """Training starts from the average in the file, counters from zero."""
    hook = hook and dict(hook, momentum=0.1)
    build_runner(tmp_path / 'a', hook, epochs=2).train()
    path = tmp_path / 'a' / 'epoch_2.pth'
    content = torch.load(path, weights_only=False)
    state = dict(content['state_dict'])
    content['state_dict'] = {f'{prefix}{k}': v for k, v in state.items()}
    torch.save(content, path)
    _, notes, memory = load_into(tmp_path / 'b', path)
    for key, value in notes.model_at_start.items():
        assert torch.equal(value, state[key]), key
        assert torch.equal(notes.average_at_start[f'module.{key}'], value)
    assert notes.average_at_start['steps'] == 0
    assert not [t for t in memory.texts if 'lacks' in t or 'match' in t]


def test_load_from_in_a_flexible_runner(tmp_path):
    """It loads before the hooks have seen the model."""
    hook = dict(OURS, momentum=0.1)
    build_runner(tmp_path / 'a', hook, epochs=2).train()
    path = tmp_path / 'a' / 'epoch_2.pth'
    runner_type = dict(runner_type=FlexibleRunner)
    _, notes, _ = load_into(tmp_path / 'b', path, **runner_type)
    state = torch.load(path, weights_only=False)['state_dict']
    for key, value in notes.model_at_start.items():
        assert torch.equal(value, state[key]), key
        assert torch.equal(notes.average_at_start[f'module.{key}'], value)
    assert notes.average_at_start['steps'] == 0
    assert len(notes.models) == 6
