"""AgeDB: ages of people in photographs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmpretrain.registry import DATASETS

from .age_dataset import AgeDataset
from .age_list import Photo
from .age_split import SPLITS, split_photos
from .agedb_folder import LARGEST, read_folder

__all__ = ['AgeDB']


@DATASETS.register_module()
class AgeDB(AgeDataset):
    """16,488 photographs of 568 people with their ages, 1 to 101.

    AgeDB (Moschoglou et al., CVPR Workshops 2017) has the age in the name of
    each file, ``id_Name_age_gender.jpg``. Without a list, the images in the
    folder ``AgeDB`` of ``data_root`` are split by
    :func:`~sema_mm.tasks.regression.age_split.split_photos` with at most 30
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
