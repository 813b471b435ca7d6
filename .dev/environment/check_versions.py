"""Succeed if the environment of this interpreter has these versions.

Args: one ``name==version`` for each package.
"""

import sys
from importlib.metadata import PackageNotFoundError, version


def is_met(requirement: str) -> bool:
    """Return whether ``name==version`` is met, whatever its local label."""
    name, wanted = requirement.split('==')
    try:
        return version(name).split('+')[0] == wanted
    except PackageNotFoundError:
        return False


if __name__ == '__main__':
    sys.exit(not all(map(is_met, sys.argv[1:])))
