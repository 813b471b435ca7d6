"""AgeDB: ages of people in photographs."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmpretrain.registry import DATASETS

from .age_dataset import AgeDataset
from .age_list import SPLITS, Photo, split_photos

__all__ = ['LARGEST', 'AgeDB', 'read_folder']

#: The most images of one age in validation and test, as in AgeDB-DIR.
LARGEST = 30
#: Such as ``0_MariaCallas_35_f.jpg``.
NAME = re.compile(r'\d+_.+_(?P<age>\d+)_[mf]\.jpg', re.IGNORECASE)


@DATASETS.register_module()
class AgeDB(AgeDataset):
    """16,488 photographs of 568 people with their ages, 1 to 101.

    AgeDB (Moschoglou et al., CVPR Workshops 2017) has the age in the name of
    each file, ``id_Name_age_gender.jpg``. Without a list, the images in the
    folder ``AgeDB`` of ``data_root`` are split by
    :func:`~sema_mm.tasks.regression.age_list.split_photos` with at most 30
    images of an age in validation and test.

    Args:
        data_root (str): Folder with the folder ``AgeDB``. Defaults to
            ``'data/agedb/'``.
        split (str): ``'train'``, ``'val'`` or ``'test'``; with ``ann_file``
            it has no effect. Defaults to ``'train'``.
        ann_file (str): A list, as for :class:`AgeDataset`, in place of the
            folder. Defaults to ``''``.
        age_range (Sequence[float]): As for :class:`AgeDataset`. Defaults to
            ``(0, 120)``.
        pipeline (Sequence): The transforms. Defaults to ``()``.
        **kwargs: Other arguments of :class:`mmpretrain.datasets.BaseDataset`.

    Raises:
        ValueError: If ``split`` is none of the three names; and as for
            :class:`AgeDataset`.
    """

    def __init__(
        self,
        data_root: str = 'data/agedb/',
        split: str = 'train',
        ann_file: str = '',
        age_range: Sequence[float] = (0, 120),
        pipeline: Sequence = (),
        **kwargs: Any,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(
                f"split must be 'train', 'val' or 'test', but got {split!r}"
            )
        self.split = split
        super().__init__(data_root, ann_file, age_range, pipeline, **kwargs)

    def read_photos(self) -> tuple[str, list[Photo]]:
        """Read the list, or split the folder.

        Returns:
            tuple: Where the photographs are listed, for errors, and the
            photographs.
        """
        if self.ann_file:
            return super().read_photos()
        photos = read_folder(Path(self.img_prefix))
        return self.img_prefix, split_photos(photos, LARGEST)[self.split]


def read_folder(root: Path) -> list[Photo]:
    """Read the images of the folder ``AgeDB``, as the archive unpacks.

    Args:
        root (Path): Where that folder is.

    Returns:
        list[Photo]: The images, sorted by path.

    Raises:
        ValueError: If there are none, or a name is of another form.
    """
    folder = root / 'AgeDB'
    files = sorted(path.name for path in folder.glob('*.jpg'))
    if not files:
        raise ValueError(
            f'there are no images in {folder}: unpack the archive of AgeDB '
            'there, or give ann_file, a list with one "path,age" in each line'
        )
    photos = []
    for name in files:
        found = NAME.fullmatch(name)
        if not found:
            raise ValueError(
                f'{folder / name} is not named id_Name_age_gender.jpg, such '
                'as 0_MariaCallas_35_f.jpg: rename or remove it'
            )
        photos.append(Photo(f'AgeDB/{name}', float(found['age'])))
    return photos
