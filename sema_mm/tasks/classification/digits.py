"""The handwritten digits that scikit-learn carries, for mmpretrain."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS

from ..digit_images import check_split, read_digits

__all__ = ['Digits']


@DATASETS.register_module()
class Digits(BaseDataset):
    """1,797 real handwritten digits, 8 x 8 pixels, in 10 classes.

    The images are the test part of the *Optical Recognition of Handwritten
    Digits* data set (Alpaydin and Kaynak, UCI Machine Learning Repository,
    1998, https://doi.org/10.24432/C50P49). scikit-learn carries them as
    :func:`sklearn.datasets.load_digits`, so nothing is downloaded.

    The split is fixed; no random number is drawn. The images of each class
    are taken in file order: the first six tenths are ``'train'`` (1,074
    images), the next two ``'val'`` (359), the last two ``'test'`` (364). The
    file goes from writer to writer, so blocks keep most writers on one side,
    and the validation accuracy is that on handwriting not seen in training.
    Interleaved splits score higher for that reason.

    Each image is a ``uint8`` array of shape ``(8, 8, 3)`` with three equal
    channels, as mmpretrain's ``LoadImageFromFile`` returns for a grey file.
    The 17 grey levels 0 to 16 of the source become 0 to 255.

    Args:
        split (str): ``'train'``, ``'val'`` or ``'test'``.
            Defaults to ``'train'``.
        pipeline (Sequence): The transforms; the image is in ``img`` and its
            class in ``gt_label``. Defaults to ``()``.
        **kwargs: Other arguments of :class:`mmpretrain.datasets.BaseDataset`,
            for example ``indices``.

    Raises:
        ValueError: If ``split`` is none of the three names.
    """

    METAINFO = {'classes': tuple('0123456789')}

    def __init__(
        self,
        split: str = 'train',
        pipeline: Sequence = (),
        **kwargs: Any,
    ) -> None:
        check_split(split)
        self.split = split
        super().__init__(ann_file='', pipeline=pipeline, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the images of the split.

        Returns:
            list[dict]: One ``dict(img=..., gt_label=...)`` per image, in file
            order.
        """
        return [
            {
                'img': np.repeat(image[:, :, None], 3, axis=2),
                'gt_label': int(label),
            }
            for image, label in zip(*read_digits(self.split))
        ]

    def extra_repr(self) -> list[str]:
        """Name the split in the printed form of the dataset.

        Returns:
            list[str]: The lines to add.
        """
        return [f'Split: \t\t\t{self.split}']
