"""One training of a study."""

import importlib

import pytest
import torch
from torch.nn import functional

from sema_mm import SwitchEMA
from tests.helpers.study_data import equal, states, write_study


@pytest.fixture
def modules(monkeypatch):
    return {
        name: importlib.import_module(f'research.study.{name}')
        for name in ('data', 'networks', 'plan', 'training')
    }


@pytest.fixture
def make(modules, tmp_path):
    """Give a training of the small study."""
    study = modules['plan'].Study(write_study(tmp_path))
    splits = modules['data'].read_splits(tmp_path, 250, 50)

    def training(method, setting='cnn', seed=0, **options):
        run = modules['plan'].Run(setting, method, seed, **options)
        study.config.lookahead = dict(alpha=0.5, k=5)
        return modules['training'].Training(study, splits, run)

    return training


def values(rows, metric='test/accuracy'):
    return {
        (row.method, row.momentum, row.epoch): row.value
        for row in rows
        if row.metric == metric
    }


def test_the_networks_learn_and_only_the_last_epoch_validates(make):
    training = make('baseline', follow=(0.2,))
    rows = list(training.rows())
    found = values(rows)
    methods = ['baseline', 'swa', 'ema', 'ema-bn']
    assert list(dict.fromkeys(key[0] for key in found)) == methods
    assert found['baseline', None, 2] > 60
    assert {row.epoch for row in rows if row.metric == 'val/accuracy'} == {2}
    losses = values(rows, 'train/loss')
    assert losses['baseline', None, 2] < losses['baseline', None, 1]


def test_what_follows_does_not_change_the_training(make):
    alone, followed = make('baseline'), make('baseline', follow=(0.2, 0.1))
    list(alone.rows())
    list(followed.rows())
    assert equal(states(alone), states(followed))
    other = make('baseline', seed=1)
    list(other.rows())
    assert not equal(states(alone), states(other))


@pytest.mark.parametrize('interval', [20, 7])
def test_sema_is_the_plain_loop_with_switches(make, modules, interval):
    training = make('sema', momentum=0.2, interval=interval)
    list(training.rows())

    torch.manual_seed(0)
    model = modules['networks'].cnn()
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 40)
    average = SwitchEMA(model, 0.2)
    generator = torch.Generator().manual_seed(0)
    step = 0
    for _ in range(2):
        batches = training.splits.train.shuffled(10, generator)
        for images, labels in batches:
            step += 1
            loss = functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(model)
            if step % interval == 0:
                average.switch_parameters(model)
    found = states(training)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)
    plain = make('baseline')
    list(plain.rows())
    assert not equal(found, states(plain))


def test_statistics_are_estimated_again_and_put_back(make):
    training = make('baseline', follow=(0.2,))
    list(training.rows())
    before = states(training)
    held = {network.method: state for network, state in training.states()}
    assert equal(before, states(training))
    plain, again = held['ema'], held['ema-bn']
    assert torch.equal(plain['0.weight'], again['0.weight'])
    assert torch.equal(plain['1.running_mean'], before['1.running_mean'])
    assert not torch.equal(plain['1.running_mean'], again['1.running_mean'])


def test_swa_averages_the_ends_of_its_epochs(make):
    training = make('baseline')
    ends = []
    for row in training.rows():
        if row.metric == 'train/loss':
            ends.append(training.model[0].weight.detach().clone())
    held = {network.method: state for network, state in training.states()}
    # It has begun at the end of the last epoch: one network so far.
    torch.testing.assert_close(held['swa']['0.weight'], ends[1])
    training.swa.update_parameters(training.model)
    assert int(training.swa.n_averaged) == 2


def test_wrong_labels_are_for_the_training_alone(make):
    noisy, clean = make('baseline', 'vit-noise'), make('baseline')
    changed = noisy.train.labels != clean.train.labels
    assert 0.25 < changed.float().mean() < 0.55
    assert noisy.splits is not None
    assert torch.equal(noisy.splits.test.labels, clean.splits.test.labels)
    rows = list(noisy.rows())
    assert {row.method for row in rows} == {'baseline', 'swa'}


def test_the_schedules(make):
    cosine, constant = make('baseline'), make('baseline', 'vit-noise')
    assert cosine._factor(0) == 1
    assert cosine._factor(20) == pytest.approx(0.5)
    assert cosine._factor(40) == pytest.approx(0)
    assert constant._factor(0) == pytest.approx(1 / 20)
    assert constant._factor(19) == constant._factor(39) == 1


def test_lookahead(make):
    reason = 'see requirements/benchmark.txt'
    pytest.importorskip('timm', reason=reason)
    training = make('lookahead')
    rows = list(training.rows())
    assert {row.method for row in rows} == {'lookahead'}
    plain = make('baseline')
    list(plain.rows())
    assert not equal(states(training), states(plain))
