"""STL-10's binary files."""

import pickle
import resource

import numpy as np
import pytest

pytest.importorskip('mmpretrain')

from mmpretrain.registry import DATASETS  # noqa: E402

from sema_mm.tasks.selfsup import (
    STL10,  # noqa: E402
    stl10,
)

SIZE = 3 * 96 * 96


@pytest.fixture
def small(monkeypatch):
    """Let the splits be of a few images."""
    sizes = dict(train=7, test=5, unlabeled=9)
    monkeypatch.setattr(stl10, 'SPLITS', sizes)
    return sizes


@pytest.fixture
def folder(small, tmp_path):
    """Files written pixel by pixel, as the page of the data describes."""
    for split, count in small.items():
        images = [picture(split, number) for number in range(count)]
        content = b''.join(
            bytes(int(p) for p in image[:, :, colour].T.flatten())
            for image in images
            for colour in range(3)
        )
        (tmp_path / f'{split}_X.bin').write_bytes(content)
        if split != 'unlabeled':
            labels = bytes(1 + n % 10 for n in range(count))
            (tmp_path / f'{split}_y.bin').write_bytes(labels)
    return tmp_path


def picture(split, number):
    """An image (row, column, red-green-blue) that is like no other."""
    rng = np.random.default_rng([len(split), number])
    return rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)


@pytest.mark.parametrize('split', ['train', 'test', 'unlabeled'])
def test_images_and_labels(folder, small, split):
    dataset = STL10(str(folder), split)
    assert len(dataset) == small[split]
    assert len(dataset.metainfo['classes']) == 10
    for number in range(small[split]):
        item = dataset[number]
        expected = picture(split, number)[:, :, ::-1]
        assert item['img'].dtype == np.uint8
        assert np.array_equal(item['img'], expected)
        if split == 'unlabeled':
            assert 'gt_label' not in item
        else:
            assert item['gt_label'] == number % 10


def test_the_sizes_are_those_of_the_data():
    assert stl10.SPLITS == dict(train=5000, test=8000, unlabeled=100000)


def test_the_folder_of_the_archive_may_be_given(folder):
    inner = folder / 'stl10_binary'
    inner.mkdir()
    for path in folder.glob('*.bin'):
        path.rename(inner / path.name)
    assert len(STL10(str(folder))) == 7
    assert len(STL10(str(inner))) == 7


def test_indices_and_a_pipeline(folder):
    cfg = dict(
        type='sema_mm.tasks.selfsup.STL10',
        data_root=str(folder),
        split='test',
        indices=[4, 1],
        pipeline=[dict(type='mmpretrain.PackInputs')],
    )
    dataset = DATASETS.build(cfg)
    assert [int(item['data_samples'].gt_label) for item in dataset] == [4, 1]
    assert dataset[0]['inputs'].shape == (3, 96, 96)


def test_workers_get_the_same(folder):
    dataset = STL10(str(folder), 'unlabeled')
    content = pickle.dumps(dataset)
    assert len(content) < SIZE  # no image is in it
    sent = pickle.loads(content)
    assert np.array_equal(sent[3]['img'], dataset[3]['img'])


def test_images_are_mapped_not_read(monkeypatch, tmp_path):
    """The whole of the unlabelled images, as a file without content."""
    with open(tmp_path / 'unlabeled_X.bin', 'wb') as file:
        file.truncate(100000 * SIZE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    dataset = STL10(str(tmp_path), 'unlabeled')
    assert dataset[99999]['img'].sum() == 0
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < 100000 * SIZE / 20


def test_wrong_input_gets_a_sentence(folder, tmp_path):
    with pytest.raises(ValueError, match="'val'"):
        STL10(str(folder), 'val')
    with pytest.raises(FileNotFoundError, match='stl10_binary.tar.gz'):
        STL10(str(tmp_path / 'nowhere'))
    path = folder / 'train_X.bin'
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match='193,535 bytes in place of 193,536'):
        STL10(str(folder))
    labels = folder / 'test_y.bin'
    labels.write_bytes(bytes([0, 1, 2, 3, 4]))
    with pytest.raises(ValueError, match='other than 1 to 10'):
        STL10(str(folder), 'test')
    labels.unlink()
    with pytest.raises(FileNotFoundError, match='test_y.bin'):
        STL10(str(folder), 'test')
