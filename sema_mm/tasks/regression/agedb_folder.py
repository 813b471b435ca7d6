"""The files of AgeDB, whose names hold the ages."""

import re
from pathlib import Path

from .age_list import Photo

__all__ = ['LARGEST', 'read_folder']

#: The most images of one age in validation and test, as in AgeDB-DIR.
LARGEST = 30
#: Such as ``0_MariaCallas_35_f.jpg``.
NAME = re.compile(r'\d+_.+_(?P<age>\d+)_[mf]\.jpg', re.IGNORECASE)


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
