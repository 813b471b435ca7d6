"""Stands in front of ninja and precompiles torch's headers first.

Every C++ file of mmcv includes ``pytorch_cpp_helper.hpp``, and that header
includes nearly all of torch: reading it takes most of a file's compile time.
GCC takes a precompiled header only if it was made with the very flags of the
file that includes it. These are in the ``build.ninja`` that torch has just
written into the current folder when it calls ninja, so this is the place.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HEADER = 'pytorch_cpp_helper.hpp'


def header_command(build_file: str) -> str | None:
    """Makes the shell command that precompiles the header.

    Args:
        build_file (str): text of torch's ``build.ninja``.

    Returns:
        str | None: the command, with the same compiler and flags as the C++
        rule, or None if no include folder holds the header.
    """
    values = {
        name: re.sub(r'\$(.)', r'\1', value)
        for name, value in re.findall(r'^(\w+) = (.*)$', build_file, re.M)
    }
    flags = f'{values.get("cflags", "")} {values.get("post_cflags", "")}'
    for folder in re.findall(r'-I\s*(\S+)', flags):
        header = Path(folder, HEADER)
        if header.is_file():
            return (
                f'{values["cxx"]} {flags} -x c++-header {header} '
                f'-o {header}.gch'
            )
    return None


def main() -> None:
    """Precompiles the header if there is one, then becomes ninja."""
    ninja, *arguments = sys.argv[1:]
    build_file = Path('build.ninja')
    if build_file.is_file():
        command = header_command(build_file.read_text())
        if command:
            print(f'Precompiling the headers of torch: {command}', flush=True)
            subprocess.run(command, shell=True, check=True)
    os.execv(ninja, [ninja, *arguments])


if __name__ == '__main__':
    main()
