"""Succeeds if the environment of this interpreter holds some versions.

Args: one ``name==version`` for each package.
"""

import sys
from importlib.metadata import PackageNotFoundError, version


def holds(requirement: str) -> bool:
    """Tells whether a package is there in its version.

    Args:
        requirement (str): ``name==version``.

    Returns:
        bool: whether it is, whatever its local label (``+cpu``).
    """
    name, wanted = requirement.split('==')
    try:
        return version(name).split('+')[0] == wanted
    except PackageNotFoundError:
        return False


if __name__ == '__main__':
    sys.exit(not all(map(holds, sys.argv[1:])))
