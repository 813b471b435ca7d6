"""Rotated-coloured Fashion-MNIST, on a few small images of its format."""

import gzip
import pickle
import random

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from scipy import stats

pytest.importorskip('mmpretrain')

from sema_mm.tasks.regression import (
    RCFMNIST,  # noqa: E402
    fashion_images,
)
from sema_mm.tasks.regression.rcfmnist import colour  # noqa: E402
from sema_mm.tasks.regression.rotated_fashion import (
    RotatedFashion,  # noqa: E402
)
from tests.helpers import tiny_data  # noqa: E402
from tests.helpers.tool_runs import ROOT  # noqa: E402

IMAGES = 400
#: More bytes than the file says.
MANY = b'\0\0\x08\x03' + bytes(20)
CONFIG = ROOT / 'configs/regression/rcfmnist/_base_/rcfmnist_bs100.py'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('fashion')
    tiny_data.write_fashion_mnist(root, IMAGES)
    return str(root)


def read(root, split='train'):
    """Read the file by other means than the package."""
    name = 'train-images-idx3-ubyte.gz'
    if split == 'train':
        content = gzip.decompress(open(f'{root}/{name}', 'rb').read())
    else:
        content = open(f'{root}/t10k-images-idx3-ubyte', 'rb').read()
    return np.frombuffer(content[16:], np.uint8).reshape(-1, 28, 28)


def angles(dataset):
    return np.array([info['gt_score'].item() for info in dataset.data_list])


def build(root, **arguments):
    return RCFMNIST(data_root=root, serialize_data=False, **arguments)


def reds(dataset):
    """Measure the share of red in each image."""
    sums = np.stack([info['img'].sum((0, 1), dtype=float) for info in dataset])
    # What is background is grey, and takes part in green.
    return (sums[:, 0] - sums[:, 1]) / (sums @ [1, -2, 1])


@pytest.mark.parametrize('split', ['train', 'test'])
def test_images_and_targets(root, split):
    dataset = RCFMNIST(data_root=root, split=split)
    assert len(dataset) == IMAGES
    for index in (0, 17, IMAGES - 1):
        info = dataset[index]
        assert info['img'].shape == (32, 32, 3)
        assert info['img'].dtype == np.uint8
        assert info['gt_score'].shape == (1,)
        assert info['gt_score'].dtype == np.float32
        assert 0 <= info['gt_score'][0] < 360


def test_angles_are_spread_evenly_and_have_fractions(root):
    found = angles(build(root))
    assert stats.kstest(found, 'uniform', args=(0, 360)).pvalue > 0.01
    assert (found % 1 != 0).mean() > 0.99


def test_a_sample_depends_on_index_split_and_seed_alone(root):
    first = build(root)
    samples = [first[index] for index in range(IMAGES)]
    random.seed(9), np.random.seed(9), torch.manual_seed(9)
    build(root, split='test', seed=3)  # another one, made in between
    again = build(root, indices=list(range(IMAGES - 1, 0, -7)))
    for info in reversed(again):
        same = samples[info['index']]
        assert np.array_equal(info['img'], same['img'])
        assert info['gt_score'] == same['gt_score']
    copied = pickle.loads(pickle.dumps(first))  # as a worker gets it
    assert np.array_equal(copied[5]['img'], samples[5]['img'])
    for other in (dict(seed=1), dict(split='test')):
        assert (angles(build(root, **other)) != angles(first)).mean() > 0.99


def test_few_images_have_the_angles_of_many(tmp_path, root):
    tiny_data.write_fashion_mnist(tmp_path, 10)
    few = build(str(tmp_path))
    assert np.array_equal(angles(few), angles(build(root))[:10])
    assert np.array_equal(few.reds, build(root).reds[:10])


def test_it_is_the_same_everywhere(root):
    found = angles(build(root))[:3]
    assert found == pytest.approx([229.30, 97.13, 14.75], abs=0.01)


class Still(RotatedFashion):
    """Turns by chosen angles, and leaves the image grey."""

    chosen = 0.0

    def draw_angles(self, count):
        return np.full(count, self.chosen)

    def dress(self, turned, index, angle):
        return turned


@pytest.mark.parametrize(
    ('angle', 'turns'), [(0, 0), (90, 1), (180, 2), (270, 3)]
)
def test_the_turn_is_counter_clockwise(root, angle, turns):
    class Chosen(Still):
        chosen = angle

    dataset = Chosen(data_root=root)
    for index in (0, 5):
        expected = np.pad(np.rot90(read(root)[index], turns), 2)
        assert np.array_equal(dataset[index]['img'], expected)


def test_the_turn_by_pixels(root):
    """Each pixel has the level that lies the angle back on its circle."""

    class Chosen(Still):
        chosen = 37.0

    image = np.pad(read(root)[3], 2)
    turned = Chosen(data_root=root)[3]['img']
    rows, columns = np.indices((32, 32)) - 15.5
    point = (columns - 1j * rows) * np.exp(-1j * np.deg2rad(37))
    row = np.round(15.5 - point.imag).astype(int)
    column = np.round(15.5 + point.real).astype(int)
    inside = (np.minimum(row, column) >= 0) & (np.maximum(row, column) < 32)
    expected = np.where(inside, image[row.clip(0, 31), column.clip(0, 31)], 0)
    assert (turned == expected).mean() > 0.98
    assert (turned == image).mean() < 0.7


@pytest.mark.parametrize('red', [0.0, 0.25, 1.0])
def test_colour(red):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = colour(levels, red)
    assert found.dtype == np.uint8
    assert np.array_equal(
        found[0, :6], np.repeat(np.arange(6), 3).reshape(6, 3)
    )
    for level in (6, 100, 255):
        pixel = found[level // 16, level % 16]
        assert pixel[1] == 0
        assert pixel[0] == pytest.approx(level * red, abs=0.5)
        assert pixel[2] == pytest.approx(level * (1 - red), abs=0.5)


def test_colours_follow_the_angle_in_most_images(root):
    for colours, straight in (('angle', 0.8), ('reversed', 0.2)):
        dataset = build(root, colours=colours)
        share, turned = reds(dataset), angles(dataset) / 360
        follows = np.abs(share - turned) < 0.02
        against = np.abs(share - (1 - turned)) < 0.02
        assert (follows | against).all()
        assert follows.mean() == pytest.approx(straight, abs=0.06)
        correlation = stats.pearsonr(share, turned).statistic
        assert np.sign(correlation) == np.sign(straight - 0.5)
        assert abs(correlation) > 0.4


def test_colours_that_say_nothing(root):
    dataset = build(root, colours='random')
    share = reds(dataset)
    assert stats.kstest(share, 'uniform').pvalue > 0.01
    assert abs(stats.pearsonr(share, angles(dataset)).statistic) < 0.15
    assert np.array_equal(angles(dataset), angles(build(root)))


def test_share(root):
    turned = angles(build(root)) / 360
    for share in (0, 1):
        found = reds(build(root, share=share))
        expected = turned if share else 1 - turned
        assert np.allclose(found, expected, atol=0.02)


def test_the_pipeline_of_the_configs(root):
    cfg = Config.fromfile(CONFIG)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = RCFMNIST(
            data_root=root, pipeline=cfg.train_dataloader.dataset.pipeline
        )
    sample = dataset[0]
    assert sample['inputs'].shape == (3, 32, 32)
    assert sample['inputs'].dtype == torch.uint8
    assert (
        sample['data_samples'].gt_score
        == dataset.get_data_info(0)['gt_score'][0]
    )


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (dict(split='val'), "split must be 'train' or 'test', but got 'val'"),
        (dict(seed=-1), 'seed=-1 must be a whole number'),
        (dict(colours='blue'), "colours must be 'angle', .*'blue'"),
        (dict(share=1.5), 'share=1.5 must be between 0 and 1'),
        (dict(colours='random', share=0.5), 'share=0.5 has no effect'),
    ],
)
def test_wrong_arguments(root, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        RCFMNIST(data_root=root, **arguments)


def test_wrong_files(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_images, 'DEBIAN', tmp_path / 'debian')
    with pytest.raises(ValueError, match='package dataset-fashion-mnist'):
        RCFMNIST(data_root=str(tmp_path))
    file = tmp_path / 'train-images-idx3-ubyte'
    for content in (b'', b'\0\0\x08\x03', b'x' * 16, MANY):
        file.write_bytes(content)
        with pytest.raises(ValueError, match='is not a file of images in IDX'):
            RCFMNIST(data_root=str(tmp_path))


def test_labels(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_images, 'DEBIAN', tmp_path / 'debian')
    file = tmp_path / 'train-labels-idx1-ubyte'
    head = b'\0\0\x08\x01\0\0\0\x03'
    file.write_bytes(head + b'\5\0\1')
    labels = fashion_images.read_labels(tmp_path, 'train')
    assert labels.tolist() == [5, 0, 1]
    for content in (b'', head, head + b'\5\0', b'\0\0\x08\x03' + head[4:]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match='is not a file of labels in IDX'):
            fashion_images.read_labels(tmp_path, 'train')
    with pytest.raises(ValueError, match='there is no t10k-labels-idx1'):
        fashion_images.read_labels(tmp_path, 'test')


def test_damaged_files(root, tmp_path):
    name = 'train-images-idx3-ubyte.gz'
    whole = open(f'{root}/{name}', 'rb').read()
    wrong = bytearray(whole)
    wrong[len(whole) // 2] ^= 255
    for content in (whole[:-20], whole[:100], bytes(wrong), b'x' + whole):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f'{name} is damaged'):
            RCFMNIST(data_root=str(tmp_path))


def test_the_files_of_debian_are_found(root, tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_images, 'DEBIAN', type(tmp_path)(root))
    dataset = RCFMNIST(data_root=str(tmp_path))
    assert np.array_equal(dataset.images, read(root))


@pytest.mark.skipif(
    not fashion_images.DEBIAN.is_dir(), reason='needs Fashion-MNIST'
)
def test_the_real_images():
    for split, count in (('train', 60_000), ('test', 10_000)):
        images = fashion_images.read_images(fashion_images.DEBIAN, split)
        assert images.shape == (count, 28, 28)
        # The mean that is published with the data set, 0.286.
        assert images.mean() / 255 == pytest.approx(0.286, abs=0.002)
        labels = fashion_images.read_labels(fashion_images.DEBIAN, split)
        assert np.bincount(labels).tolist() == [count // 10] * 10
