"""Find a build of torch without CUDA, for machines without a GPU."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from environment.checks import output_of


def cpu_builds(requirements: Iterable[str], python: Path) -> list[str]:
    """Ask pip which CPU builds its index offers.

    Args:
        requirements (Iterable[str]): ``name==version`` of each package.
        python (Path): interpreter of an environment with pip.

    Returns:
        list[str]: ``name==version+cpu`` of each package, or nothing unless
        every one is offered: builds of two kinds do not work together.
    """
    builds = [f'{requirement}+cpu' for requirement in requirements]
    if all(_is_offered(build, python) for build in builds):
        return builds
    return []


def _is_offered(requirement: str, python: Path) -> bool:
    name, version = requirement.split('==')
    command = [str(python), '-m', 'pip', 'index', 'versions', name]
    output = output_of([*command, '--no-input', '--retries', '1'])
    return version in re.split(r'[\s,]+', output)
