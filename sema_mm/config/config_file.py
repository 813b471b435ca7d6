"""Configs from a file, or from an installed library of OpenMMLab."""

import difflib
import importlib.util
import os.path as osp
from pathlib import Path

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

__all__ = ['load_config']


def load_config(name: str) -> Config:
    """Read a config.

    Args:
        name (str): Its file, or ``LIBRARY::NAME`` for one that an installed
            library brings, such as ``mmdet::yolox/yolox_s_8xb8-300e_coco``,
            with or without ``.py``.

    Returns:
        Config: The config.

    Raises:
        ValueError: If there is no such file or library, or it is no config.
    """
    path = find_upstream(name) if '::' in name else name
    if not osp.isfile(path):
        raise ValueError(f'there is no config {name}')
    try:
        return Config.fromfile(path)
    except Exception as error:  # A config is a program: anything can happen.
        raise ValueError(
            f'the config {name} cannot be read: '
            f'{type(error).__name__}: {error}'
        ) from error


def find_upstream(name: str) -> str:
    """Find the file of a config that a library brings, as LIBRARY::NAME."""
    library, _, inner = name.partition('::')
    folder = folder_of_configs(library)
    inner = inner if inner.endswith('.py') else f'{inner}.py'
    path = folder / inner
    if path.is_file():
        return str(path)
    names = {
        path.relative_to(folder).as_posix() for path in folder.rglob('*.py')
    }
    near = ' or '.join(
        f'{library}::{other}' for other in similar(inner, names)
    )
    hint = f': did you mean {near}?' if near else ''
    raise ValueError(f'{library} has no config {inner}{hint}')


def folder_of_configs(library: str) -> Path:
    """Find the folder of the configs that a library brings."""
    spec = None
    if library in MODULE2PACKAGE:
        spec = importlib.util.find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        near = similar(library, set(MODULE2PACKAGE))
        known = library in MODULE2PACKAGE
        hint = f', did you mean {near[0]}::?' if near and not known else ''
        raise ValueError(f'there is no library {library} installed{hint}')
    folder = Path(spec.submodule_search_locations[0], '.mim', 'configs')
    if not folder.is_dir():
        raise ValueError(f'{library} is installed without its configs')
    return folder


def similar(name: str, names: set[str]) -> list[str]:
    """Find at most three names like one that does not exist.

    Args:
        name (str): The name.
        names (set[str]): Those that exist.

    Returns:
        list[str]: Of paths, those of the same file name if there are any;
        else the most similar ones, the best first.
    """
    same = sorted(n for n in names if Path(n).name == Path(name).name)
    return (same or difflib.get_close_matches(name, sorted(names), 3))[:3]
