"""A few random images in the layouts of the data sets of the configs."""

import gzip
import json
import pickle
from pathlib import Path

import cv2
import numpy as np

#: Objects of a COCO image: category and box (x, y, width, height).
OBJECTS = (
    (1, 'person', (4, 8, 60, 100)),
    (3, 'car', (70, 50, 80, 60)),
    (18, 'dog', (80, 6, 40, 40)),
)


def write_cifar100(root: Path, images: int) -> None:
    """Write the training images of a CIFAR-100 folder."""
    rng = np.random.default_rng(0)
    batch = dict(
        data=rng.integers(0, 256, (images, 3 * 32 * 32), dtype=np.uint8),
        fine_labels=rng.integers(0, 100, images).tolist(),
    )
    folder = root / 'cifar-100-python'
    folder.mkdir(parents=True)
    (folder / 'train').write_bytes(pickle.dumps(batch))


def write_stl10(root: Path, images: int) -> None:
    """Write unlabelled images of STL-10; the others are holes in the file."""
    rng = np.random.default_rng(3)
    root.mkdir(parents=True)
    with open(root / 'unlabeled_X.bin', 'wb') as file:
        file.write(rng.bytes(images * 3 * 96 * 96))
        file.truncate(100_000 * 3 * 96 * 96)


def write_imagenet(root: Path, images: int) -> None:
    """Write the training images of an ImageNet folder, with their list."""
    names = _write_images(root / 'train', images, (256, 300))
    labels = np.random.default_rng(1).integers(0, 1000, images)
    lines = [f'{name} {label}\n' for name, label in zip(names, labels)]
    (root / 'meta').mkdir()
    (root / 'meta' / 'train.txt').write_text(''.join(lines))


def write_coco(root: Path, images: int) -> None:
    """Write the training images of a COCO folder, with boxes and masks."""
    height, width = 120, 160
    names = _write_images(root / 'train2017', images, (height, width))
    content = dict(
        images=[
            dict(id=i, file_name=name, height=height, width=width)
            for i, name in enumerate(names)
        ],
        categories=[dict(id=i, name=name) for i, name, _ in OBJECTS],
        annotations=[
            _annotation(image, index)
            for image in range(images)
            for index in range(len(OBJECTS))
        ],
    )
    (root / 'annotations').mkdir()
    path = root / 'annotations' / 'instances_train2017.json'
    path.write_text(json.dumps(content))


def write_agedb(root: Path, images: int) -> None:
    """Write an AgeDB folder, with ages of which some are frequent."""
    names = _write_images(root / 'AgeDB', images, (120, 100))
    for number, name in enumerate(names):
        new = f'{number}_Ann Doe_{20 + number % 5}_f.jpg'
        (root / 'AgeDB' / name).rename(root / 'AgeDB' / new)


def write_imdb_wiki(root: Path, images: int) -> None:
    """Write faces of IMDB-WIKI, with the list of those for training."""
    names = _write_images(root / 'imdb_crop' / '00', images, (120, 100))
    lines = [
        f'imdb_crop/00/{name},{20 + number}\n'
        for number, name in enumerate(names)
    ]
    (root / 'train.txt').write_text(''.join(lines))


def write_fashion_mnist(root: Path, images: int) -> None:
    """Write the images of Fashion-MNIST, one file packed, one not."""
    rng = np.random.default_rng(3)
    root.mkdir(parents=True, exist_ok=True)
    for name, opened in (('train', gzip.open), ('t10k', open)):
        coarse = rng.integers(0, 256, (images, 4, 4), dtype=np.uint8)
        pixels = coarse.repeat(7, axis=1).repeat(7, axis=2)
        head = np.array([0x803, images, 28, 28], '>u4').tobytes()
        suffix = '.gz' if name == 'train' else ''
        with opened(root / f'{name}-images-idx3-ubyte{suffix}', 'wb') as file:
            file.write(head + pixels.tobytes())


def _annotation(image: int, index: int) -> dict:
    category, _, (x, y, w, h) = OBJECTS[index]
    return dict(
        id=1 + image * len(OBJECTS) + index,
        image_id=image,
        category_id=category,
        bbox=[x, y, w, h],
        area=w * h,
        iscrowd=0,
        segmentation=[[x, y, x + w, y, x + w, y + h, x, y + h]],
    )


def _write_images(
    folder: Path, images: int, size: tuple[int, int]
) -> list[str]:
    """Write random pictures of a size (height, width)."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(2)
    names = [f'{number:03d}.jpg' for number in range(images)]
    for name in names:
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, size[::-1])
        cv2.imwrite(str(folder / name), picture)
    return names
