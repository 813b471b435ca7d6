"""IMDB-WIKI: ages of people in photographs of the web."""

from collections.abc import Sequence
from typing import Any

from mmpretrain.registry import DATASETS

from .age_dataset import AgeDataset

__all__ = ['IMDBWiki']


@DATASETS.register_module()
class IMDBWiki(AgeDataset):
    """Photographs of faces from IMDb and Wikipedia with the person's age.

    IMDB-WIKI (Rothe et al., International Journal of Computer Vision, 2018)
    has 523,051 images, of which those with one clear face and a possible age
    are used. ``tools/dataset_converters/age_lists.py imdb-wiki`` finds them and writes the
    lists.

    Args:
        data_root (str): Folder with the folders ``imdb_crop`` and
            ``wiki_crop``. Defaults to ``'data/imdb_wiki/'``.
        ann_file (str): A list, as for :class:`AgeDataset`. Defaults to
            ``'train.txt'``.
        age_range (Sequence[float]): As for :class:`AgeDataset`. Defaults to
            ``(0, 120)``.
        pipeline (Sequence): The transforms. Defaults to ``()``.
        **kwargs: Other arguments of :class:`mmpretrain.datasets.BaseDataset`.

    Raises:
        ValueError: As for :class:`AgeDataset`.
    """

    def __init__(
        self,
        data_root: str = 'data/imdb_wiki/',
        ann_file: str = 'train.txt',
        age_range: Sequence[float] = (0, 120),
        pipeline: Sequence = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(data_root, ann_file, age_range, pipeline, **kwargs)
