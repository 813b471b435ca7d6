"""Write the lists of AgeDB and IMDB-WIKI: train.txt, val.txt and test.txt.

From the folders that the archives unpack to::

    python age_lists.py agedb data/agedb          # has AgeDB/*.jpg
    python age_lists.py imdb-wiki data/imdb_wiki  # has imdb_crop, wiki_crop

From a published split, a CSV file with the columns age, path and split::

    python age_lists.py csv data/agedb --file agedb.csv
"""

import argparse
import csv
import sys
from collections import Counter
from pathlib import Path

try:
    from sema_mm.tasks.regression import agedb, imdb_wiki
    from sema_mm.tasks.regression.age_list import (
        SPLITS,
        Photo,
        split_photos,
        write_list,
    )
except ImportError as problem:
    sys.exit(f'error: {problem}')

Split = dict[str, list[Photo]]
#: As in the age_range of the data sets.
OLDEST = 120


def parse_args() -> argparse.Namespace:
    """Parse the command line.

    Returns:
        argparse.Namespace: The arguments.
    """
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', choices=list(SOURCES))
    parser.add_argument('root', type=Path, help='folder of the data set')
    parser.add_argument('--file', type=Path, help='the CSV file')
    args = parser.parse_args()
    if (args.source == 'csv') != bool(args.file):
        parser.error('--file belongs to csv, and csv needs it')
    return args


def read_agedb(args: argparse.Namespace) -> Split:
    """Read and split the folder of AgeDB.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        Split: The photographs of each split.
    """
    photos = agedb.read_folder(args.root)
    return split_photos(photos, agedb.LARGEST)


def read_imdb_wiki(args: argparse.Namespace) -> Split:
    """Read and split the two tables of IMDB-WIKI.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        Split: The photographs of each split.
    """
    photos, left_out = [], Counter[str]()
    for name in ('imdb', 'wiki'):
        found, reasons = imdb_wiki.read_meta(args.root, name)
        photos += found
        left_out += reasons
    for reason, count in left_out.most_common():
        print(f'left out for {reason}: {count}')
    return split_photos(photos, imdb_wiki.LARGEST)


def read_csv(args: argparse.Namespace) -> Split:
    """Read a published split.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        Split: The photographs of each split, in the order of the file.

    Raises:
        ValueError: If the file is no such table.
    """
    split: Split = {name: [] for name in SPLITS}
    with open(args.file, newline='', encoding='utf-8-sig') as stream:
        for row in csv.DictReader(stream):
            try:
                age = float(row['age'])
                if not row['path'] or not 0 <= age <= OLDEST:
                    raise ValueError
                split[row['split']].append(Photo(row['path'], age))
            except (KeyError, TypeError, ValueError):
                raise ValueError(
                    f'{args.file} has a row that is not an age from 0 to '
                    f'{OLDEST}, a path and one of the splits '
                    f'{", ".join(SPLITS)}: {row}'
                ) from None
    return split


def check_split(split: Split) -> None:
    """Check that there are images for each list.

    Args:
        split (Split): The photographs of each split.

    Raises:
        ValueError: If a split has none.
    """
    empty = [name for name, photos in split.items() if not photos]
    if empty:
        raise ValueError(
            f'there are no images for {", ".join(empty)}: no list is written'
        )


SOURCES = {'agedb': read_agedb, 'imdb-wiki': read_imdb_wiki, 'csv': read_csv}


def main() -> None:
    """Write the lists."""
    args = parse_args()
    try:
        split = SOURCES[args.source](args)
        check_split(split)
        for name, photos in split.items():
            write_list(args.root / f'{name}.txt', photos)
            print(f'{args.root / f"{name}.txt"}: {len(photos)} images')
    except (OSError, ValueError, csv.Error) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
