"""Data that is missing, or disappears."""

import functools

import pytest

from tests.integration.faults.case import Case, Outcome, Place, readable
from tests.integration.faults.hooks import FileData

GROUP = 'Data'

USE = """
train_dataloader['dataset'] = dict(
    type='tests.integration.faults.hooks.FileData', folder='data'
)
"""
REMOVE = """
custom_hooks += [
    dict(type='tests.integration.faults.hooks.Remove', path='data/03.npy',
         epoch=2)
]
"""
BASE_DATASET = """
train_dataloader['dataset'] = dict(
    type='mmengine.dataset.BaseDataset', ann_file='data/no.json'
)
"""

AGES = """
train_dataloader['dataset'] = dict(
    type='sema_mm.tasks.regression.AgeDB',
    data_root='faces',
    ann_file='train.txt',
)
"""


def _train(add: str, workers: int, place: Place) -> Outcome:
    FileData.write(place.folder / 'data')
    option = f'train_dataloader.num_workers={workers}'
    return place.train(add=add, options=(option,))


def _without_list(place: Place) -> Outcome:
    FileData.write(place.folder / 'data')
    (place.folder / 'data' / 'annotations.json').unlink()
    return place.train(add=USE)


def _ages(text: str, place: Place) -> Outcome:
    pytest.importorskip('mmpretrain')
    place.write('faces/1.jpg', b'')
    place.write('faces/train.txt', text)
    return place.train(add=AGES)


FIRST = dict(
    end='exit code 1',
    left='the checkpoint of the epoch before',
    check=readable('epoch_1.pth'),
)

CASES = [
    Case(
        GROUP,
        'The folder of the data is missing',
        lambda place: place.train(add=USE),
        'data/annotations.json',
        end='exit code 1',
    ),
    Case(
        GROUP,
        'The list of the annotations is missing',
        _without_list,
        'data/annotations.json',
        end='exit code 1',
    ),
    Case(
        GROUP,
        "The annotations of mmengine's BaseDataset are missing",
        lambda place: place.train(add=BASE_DATASET),
        'data/no.json',
        end='exit code 1',
    ),
    Case(
        GROUP,
        'A file disappears in the second epoch',
        functools.partial(_train, USE + REMOVE, 0),
        'data/03.npy',
        **FIRST,
    ),
    Case(
        GROUP,
        'A file disappears in the second epoch, read by a worker',
        functools.partial(_train, USE + REMOVE, 1),
        'data/03.npy',
        **FIRST,
    ),
    *(
        Case(
            GROUP,
            f'A list of ages: {fault}',
            functools.partial(_ages, text),
            says,
        )
        for fault, text, says in (
            ('an image is missing', '1.jpg,30\n2.jpg,31\n', 'faces/2.jpg'),
            ('an age is no number', '1.jpg,30\n1.jpg,old\n', "line 2: 'old'"),
            ('an age is 999', '1.jpg,30\n1.jpg,999\n', 'the age 999'),
            ('it is empty', '', 'is empty'),
        )
    ),
]
