"""White silhouettes on photographs."""

import pickle
import re

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

pytest.importorskip('mmpretrain')

from mmpretrain.datasets import CIFAR10  # noqa: E402

from sema_mm.tasks.regression import FashionSilhouettes  # noqa: E402
from tests.helpers import tiny_data  # noqa: E402
from tests.helpers.tool_runs import ROOT  # noqa: E402

#: As there, fewer photographs than garments.
GARMENTS, PHOTOGRAPHS = 130, 50


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    tiny_data.write_fashion_mnist(tmp_path / 'fashion', GARMENTS)
    folder = tmp_path / 'cifar10' / 'cifar-10-batches-py'
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 200, (PHOTOGRAPHS, 3072), dtype=np.uint8)
    batch = dict(data=pixels, labels=[0] * PHOTOGRAPHS)
    (folder / 'data_batch_1').write_bytes(pickle.dumps(batch))
    monkeypatch.setattr(CIFAR10, 'train_list', [['data_batch_1', None]])
    monkeypatch.setattr(CIFAR10, '_check_integrity', lambda self: True)
    return FashionSilhouettes(
        data_root=str(tmp_path / 'fashion'),
        cifar10_root=str(tmp_path / 'cifar10'),
    )


def test_silhouettes_are_white_on_a_photograph(dataset):
    for index in (0, 49):
        image = dataset[index]['img']
        assert image.shape == (32, 32, 3)
        white = (image == 255).all(-1)
        assert 0.2 < white.mean() < 0.8
        behind = dataset.backgrounds[index]
        assert np.array_equal(image[~white], behind[~white])


def test_photographs_repeat_without_an_older_silhouette(dataset):
    before = dataset.backgrounds.copy()
    images = [dataset[index]['img'] for index in range(GARMENTS)]
    assert np.array_equal(dataset.backgrounds, before)
    for index in range(PHOTOGRAPHS, GARMENTS):
        image, behind = images[index], before[index % PHOTOGRAPHS]
        other = (image != behind).any(-1)
        assert (image[other] == 255).all()
        garment = np.pad(dataset.images[index], 2) > 2
        # One garment, turned: about as large as it was.
        assert other.sum() < 1.1 * garment.sum() + 10


def test_angles_are_multiples_of_six(dataset):
    found = [int(info['gt_score'].item()) for info in dataset]
    assert set(found) <= set(range(0, 360, 6))
    assert len(set(found)) > 40


def test_there_are_no_colours_to_choose(dataset):
    with pytest.raises(TypeError, match='colours'):
        FashionSilhouettes(colours='angle')


def test_the_config_of_the_readme(dataset, tmp_path):
    folder = ROOT / 'configs/regression/rcfmnist'
    (text,) = re.findall(
        r'```python\n(.*?)```', (folder / 'README.md').read_text(), re.S
    )
    (tmp_path / 'config.py').write_text(text.replace('./', f'{folder}/'))
    cfg = Config.fromfile(tmp_path / 'config.py')
    given = cfg.train_dataloader.dataset
    given.update(
        data_root=dataset.data_root, cifar10_root=dataset.cifar10_root
    )
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        sample = DATASETS.build(given)[3]
    assert sample['inputs'].shape == (3, 32, 32)
    assert sample['data_samples'].gt_score == dataset[3]['gt_score'][0]
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.split == 'test'
        assert 'colours' not in loader.dataset
