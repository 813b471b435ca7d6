"""AgeDB and IMDB-WIKI, from folders and lists."""

import cv2
import numpy as np
import pytest
from mmengine.registry import DATASETS, DefaultScope

pytest.importorskip('mmpretrain')

from sema_mm.tasks.regression import AgeDataset, AgeDB, IMDBWiki  # noqa: E402
from tests.helpers import tiny_data  # noqa: E402

PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]


@pytest.fixture
def agedb(tmp_path):
    tiny_data.write_agedb(tmp_path, 40)
    return tmp_path


@pytest.fixture
def listed(tmp_path):
    (tmp_path / 'some').mkdir()
    for number in range(3):
        image = np.full((8, 8, 3), 60 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f'some/{number}.png'), image)
    lines = [f'some/{number}.png,{10 + number / 4}\n' for number in range(3)]
    (tmp_path / 'list.txt').write_text(''.join(lines))
    return tmp_path


def test_the_folder_of_agedb(agedb):
    parts = [AgeDB(str(agedb), split) for split in ('train', 'val', 'test')]
    names = [info['img_path'] for part in parts for info in part]
    assert len(names) == len(set(names)) == 40
    assert len(parts[1]) == len(parts[2]) > 0
    for info in parts[0]:
        age = float(info['img_path'].split('_')[-2])
        assert info['gt_score'].dtype == np.float32
        assert info['gt_score'].tolist() == [age]


@pytest.mark.parametrize('kind', ['AgeDB', 'IMDBWiki', 'AgeDataset'])
def test_a_list_through_a_pipeline(listed, kind):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(
            dict(
                type=f'sema_mm.tasks.regression.{kind}',
                data_root=str(listed),
                ann_file='list.txt',
                pipeline=PIPELINE,
            )
        )
    samples = [dataset[index] for index in range(len(dataset))]
    ages = [sample['data_samples'].gt_score.tolist() for sample in samples]
    assert ages == [[10.0], [10.25], [10.5]]
    levels = [int(sample['inputs'].float().mean()) for sample in samples]
    assert levels == [0, 60, 120]


def test_arguments_of_the_base_class(listed):
    arguments = dict(data_root=str(listed), ann_file='list.txt')
    assert len(IMDBWiki(**arguments, indices=2)) == 2
    with pytest.raises(TypeError, match='ages'):
        IMDBWiki(**arguments, ages=3)


def test_the_range_of_ages_can_be_changed(listed):
    arguments = dict(data_root=str(listed), ann_file='list.txt')
    with pytest.raises(
        ValueError, match='10.25 .*between 0 and 10 years.*1 mo'
    ):
        AgeDB(**arguments, age_range=(0, 10))


@pytest.mark.parametrize(
    'age_range', [(120, 0), (50,), 50, ('a', 'b'), (0, float('nan')), None]
)
def test_wrong_ranges(listed, age_range):
    with pytest.raises(ValueError, match='age_range=.*, for example .0, 120'):
        AgeDB(str(listed), ann_file='list.txt', age_range=age_range)


def test_a_folder_of_images_in_the_folder(listed, agedb):
    lines = [f'{number}.png,{10 + number}\n' for number in range(3)]
    (listed / 'list.txt').write_text(''.join(lines))
    arguments = dict(data_root=str(listed), ann_file='list.txt')
    dataset = AgeDataset(**arguments, data_prefix='some')
    assert [info['img_path'] for info in dataset] == [
        str(listed / f'some/{number}.png') for number in range(3)
    ]
    with pytest.raises(ValueError, match='correct data_root or data_prefix'):
        AgeDataset(**arguments)
    above, name = str(agedb.parent), agedb.name
    images = list(AgeDB(above, data_prefix=name))
    assert images == list(AgeDB(str(agedb)))


def test_a_missing_list_says_how_it_is_made(tmp_path):
    with pytest.raises(
        ValueError,
        match='no list .*val.txt: make .*'
        'tools/dataset_converters/age_lists.py',
    ):
        IMDBWiki(str(tmp_path), 'val.txt')


def test_wrong_folders(tmp_path, agedb):
    empty = tmp_path / 'empty'
    with pytest.raises(ValueError, match='no images in .*unpack the archive'):
        AgeDB(str(empty))
    with pytest.raises(ValueError, match="'train', 'val' or 'test'.*'dev'"):
        AgeDB(str(agedb), 'dev')
    (agedb / 'AgeDB' / 'me.jpg').touch()
    with pytest.raises(
        ValueError, match='me.jpg is not named id_Name_age_gen'
    ):
        AgeDB(str(agedb))


def test_ages_in_names_are_checked(agedb):
    (agedb / 'AgeDB' / '99_Old_999_f.jpg').touch()
    with pytest.raises(ValueError, match='the age 999 of AgeDB/99_Old_999_f'):
        AgeDB(str(agedb))
