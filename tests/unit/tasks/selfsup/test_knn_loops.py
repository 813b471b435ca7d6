"""Loops that validate and test frozen features by their neighbours."""

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from sklearn.neighbors import KNeighborsClassifier

from tests.helpers.selfsup_toys import (
    EPOCHS,
    MODELS_WITH_TARGET,
    SIMCLR,
    Images,
    build,
    loader,
)
from tests.helpers.toy import find_hook

pytest.importorskip('mmpretrain')

K, TEMPERATURE = 5, 0.2
BANK, QUERIES = Images(30, views=False), Images(20, views=False, seed=9)
EMA = dict(type='sema_mm.SwitchEMAHook', momentum=0.1, evaluate_on_origin=True)


def knn(work_dir, hooks=(), algorithm=SIMCLR, bank=BANK, **changes):
    how = dict(bank=loader(bank), k=K, temperature=TEMPERATURE)
    arguments = dict(
        val_dataloader=loader(QUERIES),
        val_cfg=dict(type='sema_mm.tasks.selfsup.KNNValLoop', **how),
        val_evaluator=dict(type='Accuracy', topk=(1, 3), prefix='knn'),
        test_dataloader=loader(QUERIES),
        test_cfg=dict(type='sema_mm.tasks.selfsup.KNNTestLoop', **how),
        test_evaluator=dict(type='Accuracy', topk=(1, 3), prefix='knn'),
    )
    arguments.update(changes)
    return build(work_dir, algorithm, hooks, **arguments)


class Metrics(Hook):
    """Keeps the metrics of each validation, and computes them again."""

    priority = 'LOWEST'

    def __init__(self):
        self.found, self.origin, self.averaged = [], [], []

    def after_val_epoch(self, runner, metrics=None):
        self.found.append(dict(metrics))
        self.origin.append(oracle(runner.model))
        hooks = [h for h in runner.hooks if hasattr(h, 'average')]
        if hooks:
            with hooks[0].average.swapped(runner.model):
                self.averaged.append(oracle(runner.model))


@torch.no_grad()
def oracle(model):
    """Accuracy in percent by scikit-learn, from the backbone alone."""
    model.eval()
    bank, queries = (
        model.backbone(data.images)[-1].mean((2, 3)).numpy()
        for data in (BANK, QUERIES)
    )
    classifier = KNeighborsClassifier(
        K,
        metric='cosine',
        algorithm='brute',
        weights=lambda distance: np.exp(-distance / TEMPERATURE),
    ).fit(bank, BANK.labels)
    return 100 * classifier.score(queries, QUERIES.labels)


@pytest.mark.parametrize('algorithm', [SIMCLR, MODELS_WITH_TARGET['byol'][1]])
def test_features_are_those_of_the_backbone(algorithm, tmp_path):
    runner = knn(tmp_path, [Metrics()], algorithm)
    runner.train()
    metrics = find_hook(runner, Metrics)
    found = [one['knn/top1'] for one in metrics.found]
    assert found == pytest.approx(metrics.origin, abs=1e-3)
    assert len(set(found)) > 1
    assert runner.test()['knn/top1'] == pytest.approx(found[-1])


def test_features_are_those_of_the_average(tmp_path):
    runner = knn(tmp_path, [dict(EMA, switch_interval=None), Metrics()])
    runner.train()
    metrics = find_hook(runner, Metrics)
    average = [one['knn/top1'] for one in metrics.found]
    origin = [one['knn/top1_origin'] for one in metrics.found]
    assert average == pytest.approx(metrics.averaged, abs=1e-3)
    assert origin == pytest.approx(metrics.origin, abs=1e-3)
    assert average != origin


def test_the_best_checkpoint_is_kept(tmp_path):
    checkpoint = dict(
        type='sema_mm.SafeCheckpointHook',
        save_best='knn/top1',
        rule='greater',
    )
    hooks = dict(checkpoint=checkpoint)
    runner = knn(tmp_path, [Metrics()], default_hooks=hooks)
    runner.train()
    found = [one['knn/top1'] for one in find_hook(runner, Metrics).found]
    best = 1 + found.index(max(found))
    (path,) = tmp_path.glob('best_*.pth')
    assert path.name == f'best_knn_top1_epoch_{best}.pth'


def test_the_bank_follows_the_model(tmp_path):
    runner = knn(tmp_path, epochs=1)
    first = runner.val()
    with torch.no_grad():
        runner.model.backbone.conv.weight.zero_()
    # All features are alike now, so that the nearest are any.
    assert runner.val() != first
    assert len(set(map(len, (first, runner.val())))) == 1


class Bank(Hook):
    """Looks at the bank with each batch; fails with the first, if told to."""

    def __init__(self):
        self.held, self.fail = [], False

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        classifier = runner.val_loop.classifier
        self.held.append(classifier._features is not None)
        if self.fail:
            raise KeyError('an image')

    def before_test_iter(self, runner, batch_idx, data_batch=None):
        classifier = runner.test_loop.classifier
        self.held.append(classifier._features is not None)


@pytest.mark.parametrize('mode', ['val', 'test'])
def test_the_bank_is_held_for_an_evaluation_alone(mode, tmp_path):
    look = Bank()
    runner = knn(tmp_path, [look])
    getattr(runner, mode)()
    classifier = getattr(runner, f'{mode}_loop').classifier
    assert look.held == [True] * 3
    assert classifier._features is classifier._labels is None


def test_an_old_bank_is_gone_before_the_next(tmp_path, monkeypatch):
    look = Bank()
    runner = knn(tmp_path, [look])
    look.fail = True
    with pytest.raises(KeyError, match='an image'):
        runner.val()
    classifier = runner.val_loop.classifier
    assert classifier._features is not None

    def extract(batch):
        raise RuntimeError(f'bank: {classifier._features}')

    monkeypatch.setattr(classifier, '_extract', extract)
    with pytest.raises(RuntimeError, match='bank: None'):
        runner.val()


class Tokens(torch.nn.Module):
    """Gives what some backbone would give."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs = outputs

    def forward(self, images):
        return self.outputs(images.flatten(1))


@pytest.mark.parametrize(
    'outputs',
    [
        lambda x: x,
        lambda x: (x * 0, x),
        lambda x: x[:, None].repeat(1, 3, 1),
        lambda x: x[:, :, None, None].repeat(1, 1, 2, 2),
    ],
    ids=['vector', 'last', 'tokens', 'map'],
)
def test_shapes_of_features(outputs, tmp_path):
    runner = knn(tmp_path)
    runner.model.backbone = Tokens(outputs)
    other = knn(tmp_path)
    other.model.backbone = Tokens(lambda x: x)
    assert runner.val() == other.val()


WRONG = [
    (dict(k=0), 'k=0 must be at least 1'),
    (dict(k=31), 'k=31 must not exceed the 30 images'),
    (dict(temperature=0), 'temperature=0 must be above 0'),
    (dict(temperature='x'), 'temperature must be a number'),
    (dict(bank=loader(Images(30, views=False, labelled=False))), 'gt_label'),
]


@pytest.mark.parametrize('change, part', WRONG, ids=[w[1] for w in WRONG])
def test_wrong_arguments_get_a_sentence(change, part, tmp_path):
    how = dict(bank=loader(BANK), k=K, temperature=TEMPERATURE)
    how.update(change)
    cfg = dict(type='sema_mm.tasks.selfsup.KNNValLoop', **how)
    with pytest.raises((ValueError, TypeError)) as error:
        knn(tmp_path, val_cfg=cfg).val()
    assert part in str(error.value)
    assert '\n' not in str(error.value)


def test_other_features_get_a_sentence(tmp_path):
    runner = knn(tmp_path)
    runner.model.backbone = Tokens(lambda x: dict(features=x))
    with pytest.raises(TypeError, match="in mode 'tensor'.*got dict"):
        runner.val()


def test_training_goes_on_from_the_same_weights(tmp_path):
    runner = knn(tmp_path, [EMA], epochs=EPOCHS)
    runner.train()
    assert all(p.isfinite().all() for p in runner.model.parameters())
