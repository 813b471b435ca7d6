"""Folders of composed scenes in COCO's format, made once."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
from filelock import FileLock
from pycocotools import mask as coco_mask

from ..digit_images import SPLITS, read_digits
from .digit_scenes import SIDE, Scene, compose_scene

#: Raised with every change of what a folder holds: older ones are remade.
VERSION = 1
MAKER = 'sema_mm.tasks.detection.DigitsCoco'
#: The file with the instances, in each folder.
INSTANCES = 'instances.json'


def make_folder(folder: Path, split: str, scenes: int, seed: int) -> None:
    """Make a folder of scenes, unless it is there already.

    The pictures are bitmaps: their bytes depend on no compressor. The folder
    appears at once and complete; where two processes want it, one of them
    makes it, and the other waits.

    Args:
        folder (Path): The folder. What this function has made there of other
            arguments, or in another version, is replaced.
        split (str): Split of the digits to use.
        scenes (int): Number of scenes.
        seed (int): Seed of the random numbers, not negative. A scene depends
            on it, on the split, and on the index of the scene.

    Raises:
        ValueError: If there is a folder that was not made by this function.
    """
    info = {
        'contributor': MAKER,
        'version': VERSION,
        'split': split,
        'scenes': scenes,
        'seed': seed,
    }
    if read_info(folder) == info:
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f'.{folder.name}.lock'):
        if read_info(folder) != info:
            _check_maker(folder)
            _make(folder, info)


def read_info(folder: Path) -> dict[str, Any]:
    """Read how a folder was made.

    Args:
        folder (Path): Any path.

    Returns:
        dict: The arguments; empty if there are none.
    """
    try:
        return json.loads((folder / INSTANCES).read_text())['info']
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _check_maker(folder: Path) -> None:
    if not folder.exists() or read_info(folder).get('contributor') == MAKER:
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise ValueError(
            f'data_root={str(folder.parent)!r} already holds a '
            f'{folder.name!r} that {MAKER} has not made: choose another '
            'data_root, or delete it'
        )


def _make(folder: Path, info: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f'.{folder.name}-'
    ) as temporary:
        new = Path(temporary, 'new')
        new.mkdir()
        _write(new, info)
        if folder.exists():
            os.replace(folder, Path(temporary, 'old'))
        os.replace(new, folder)


def _write(folder: Path, info: dict[str, Any]) -> None:
    pictures: list[dict[str, Any]] = []
    instances: list[dict[str, Any]] = []
    for index, scene in enumerate(_scenes(info)):
        name = f'{index:06}.bmp'
        mmcv.imwrite(scene.image, str(folder / name))
        size = {'height': SIDE, 'width': SIDE}
        pictures.append({'id': index, 'file_name': name, **size})
        for instance in describe(scene):
            # From 1 on: pycocotools takes a match with 0 for none.
            numbers = {'id': len(instances) + 1, 'image_id': index}
            instances.append({**numbers, **instance})
    content = {
        'info': info,
        'categories': [{'id': i, 'name': str(i)} for i in range(10)],
        'images': pictures,
        'annotations': instances,
    }
    (folder / INSTANCES).write_text(json.dumps(content))


def _scenes(info: dict[str, Any]) -> Iterator[Scene]:
    images, labels = read_digits(info['split'])
    number = list(SPLITS).index(info['split'])
    for index in range(info['scenes']):
        rng = np.random.default_rng([info['seed'], number, index])
        yield compose_scene(images, labels, rng)


def describe(scene: Scene) -> list[dict[str, Any]]:
    """Describe the digits of a scene as COCO does.

    Args:
        scene (Scene): The scene.

    Returns:
        list[dict]: One annotation for each, without the numbers of itself
        and of the picture.
    """
    return [
        {
            'category_id': label,
            'bbox': _bounds(mask),
            'area': int(mask.sum()),
            'segmentation': _encode(mask),
            'iscrowd': 0,
        }
        for label, mask in zip(scene.labels, scene.masks)
    ]


def _bounds(mask: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(mask)
    top, left = int(rows.min()), int(columns.min())
    return [
        *(left, top),
        *(int(columns.max()) - left + 1, int(rows.max()) - top + 1),
    ]


def _encode(mask: np.ndarray) -> dict[str, Any]:
    encoded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {**encoded, 'counts': encoded['counts'].decode('ascii')}
