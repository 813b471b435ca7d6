"""The embedded digits."""

import subprocess
import sys

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from tests.helpers.tool_runs import ROOT, environment

pytest.importorskip('mmpretrain')

from mmpretrain.registry import DATASETS, MODELS  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402

from sema_mm.tasks.classification import Digits  # noqa: E402
from sema_mm.tasks.digit_images import SPLITS, split_indices  # noqa: E402

SIZES = {'train': 1074, 'val': 359, 'test': 364}


@pytest.mark.parametrize(('split', 'size'), SIZES.items())
def test_split_is_fixed_and_balanced(split, size):
    dataset = Digits(split)
    again = Digits(split)
    assert len(dataset) == size
    counts = np.bincount(dataset.get_gt_labels(), minlength=10)
    assert counts.min() >= 0.9 * size / 10
    assert counts.max() <= 1.1 * size / 10
    for index in (0, size // 2, size - 1):
        one, two = dataset[index], again[index]
        assert np.array_equal(one['img'], two['img'])
        assert one['gt_label'] == two['gt_label']


def test_splits_are_disjoint_and_complete():
    labels = load_digits().target
    parts = [split_indices(labels, split) for split in SPLITS]
    assert sorted(np.concatenate(parts).tolist()) == list(range(1797))


def test_splits_keep_the_order_of_the_file_within_a_class():
    labels = load_digits().target
    for label in range(10):
        last = -1
        for split in ('train', 'val', 'test'):
            chosen = split_indices(labels, split)
            chosen = chosen[labels[chosen] == label]
            assert chosen[0] > last
            last = chosen[-1]


def test_images_are_those_of_scikit_learn():
    source = load_digits()
    chosen = split_indices(source.target, 'val')
    dataset = Digits('val')
    levels = set()
    for index, sample in zip(chosen, dataset):
        image = sample['img']
        assert image.dtype == np.uint8
        assert image.shape == (8, 8, 3)
        assert (image == image[..., :1]).all()
        assert np.array_equal(
            np.round(image[..., 0] * (16 / 255)), source.images[index]
        )
        assert sample['gt_label'] == source.target[index]
        levels.update(image.ravel().tolist())
    assert len(levels) == 17
    assert (min(levels), max(levels)) == (0, 255)


def test_train_statistics_are_those_of_the_config():
    images = np.stack([sample['img'] for sample in Digits('train')])
    folder = ROOT / 'configs' / 'digits' / '_base_'
    cfg = Config.fromfile(folder / 'resnet18-w16_digits.py')
    assert images.mean() == pytest.approx(cfg.data_preprocessor.mean[0], abs=1)
    assert images.std() == pytest.approx(cfg.data_preprocessor.std[0], abs=1)


def test_pipeline_and_model_of_mmpretrain():
    folder = ROOT / 'configs' / 'digits'
    cfg = Config.fromfile(folder / 'resnet18-w16_1xb32-coslr-15e_digits.py')
    preprocessor = dict(cfg.data_preprocessor, type='ClsDataPreprocessor')
    # As a runner of this config does; other tests leave other scopes.
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
        model = MODELS.build(dict(cfg.model, data_preprocessor=preprocessor))
    samples = [dataset[index] for index in range(4)]
    assert samples[0]['inputs'].shape == (3, 8, 8)
    batch = dict(
        inputs=[sample['inputs'] for sample in samples],
        data_samples=[sample['data_samples'] for sample in samples],
    )
    prepared = model.data_preprocessor(batch, training=True)
    loss = model(**prepared, mode='loss')['loss']
    assert 1 < float(loss.detach()) < 5


def test_arguments_of_the_base_class():
    dataset = Digits('train', indices=20, test_mode=True)
    assert len(dataset) == 20
    assert dataset.CLASSES == tuple('0123456789')
    assert 'train' in repr(dataset)


def test_unknown_split():
    with pytest.raises(ValueError, match="'train', 'val' or 'test'.*'dev'"):
        Digits('dev')


def test_unknown_argument():
    with pytest.raises(TypeError, match='spilt'):
        Digits(spilt='val')


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)
    with pytest.raises(ImportError, match='pip install scikit-learn'):
        Digits('train')


@pytest.mark.slow
@pytest.mark.parametrize(
    ('code', 'answer'),
    [
        (
            'import sys, sema_mm\n'
            'print([n for n in ("mmpretrain", "sklearn") '
            'if n in sys.modules])',
            '[]',
        ),
        (
            'import sys\n'
            'sys.modules["mmpretrain"] = None\n'
            'try: from sema_mm.tasks.classification import Digits\n'
            'except ImportError as error: print(error)',
            'pip install mmpretrain',
        ),
    ],
    ids=['package alone', 'mmpretrain missing'],
)
def test_imports(code, answer, tmp_path):
    run = subprocess.run(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert answer in run.stdout
