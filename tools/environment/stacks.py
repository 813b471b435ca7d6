"""The sets of versions that the project is tested on."""

from __future__ import annotations

import re
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
    def files(self) -> list[Path]:
        """Requirement files of this stack."""
        folder = ROOT / 'requirements'
        return [folder / f'{self.name}.txt', folder / 'common.txt']

    @property
    def mmcv(self) -> str:
        """Name of the package that holds mmcv in this stack."""
        return next(name for name in self.pins if name.endswith('mmcv'))

    def pinned(self, *names: str) -> list[str]:
        """Requirements for some of the packages.

        Args:
            *names (str): names of packages.

        Returns:
            list[str]: one ``name==version`` for each.
        """
        return [f'{name}=={self.pins[name]}' for name in names]


def read_stack(name: str) -> Stack:
    """Reads the pins of a stack.

    Args:
        name (str): ``'openmmlab'`` or ``'onedl'``.

    Returns:
        Stack: the stack.
    """
    text = (ROOT / 'requirements' / f'{name}.txt').read_text()
    pins = re.findall(r'^([\w-]+)==([\w.]+)', text, re.MULTILINE)
    return Stack(name, dict(pins))
