"""The sets of versions that the project is tested on."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = {'openmmlab': ((3, 9), (3, 12)), 'onedl': ((3, 10), (3, 12))}


@dataclass(frozen=True)
class Stack:
    """One set of versions.

    Args:
        name (str): what the user calls it, and the name of its file.
        pins (dict[str, str]): version of each pinned package.
    """

    name: str
    pins: dict[str, str]

    @property
    def requirements(self) -> list[Path]:
        """Files of the packages that the project names."""
        names = (f'{self.name}.txt', 'common.txt')
        ours = [ROOT / 'requirements' / name for name in names]
        return [*ours, ROOT / 'research' / 'requirements.txt']

    @property
    def aside(self) -> list[Path]:
        """Files of packages that only some tests see.

        Each is installed into a folder of the environment, of its name.
        """
        names = ['deepspeed.txt'] if self.name == 'openmmlab' else []
        return [ROOT / 'requirements' / name for name in names]

    @property
    def constraints(self) -> list[Path]:
        """File of what these packages need in turn, where there is one."""
        name = f'{self.name}-{python_tag()}.txt'
        path = ROOT / 'requirements' / 'locked' / name
        return [path] if path.is_file() else []

    @property
    def mmcv(self) -> str:
        """Name of the package that holds mmcv in this stack."""
        return next(name for name in self.pins if name.endswith('mmcv'))

    def pinned(self, *names: str) -> list[str]:
        """Return ``name==version`` of each of these packages."""
        return [f'{name}=={self.pins[name]}' for name in names]


def python_tag() -> str:
    """Return the tag of this Python in wheels, as in ``'cp311'``."""
    return f'cp{sys.version_info[0]}{sys.version_info[1]}'


def read_stack(name: str) -> Stack:
    """Read the pins of ``'openmmlab'`` or ``'onedl'``."""
    text = (ROOT / 'requirements' / f'{name}.txt').read_text()
    pins = re.findall(r'^([\w-]+)==([\w.]+)', text, re.MULTILINE)
    return Stack(name, dict(pins))
