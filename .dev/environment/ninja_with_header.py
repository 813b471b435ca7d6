"""Stand in for ninja, and compile torch's headers only once.

Every C++ file of mmcv includes ``pytorch_cpp_helper.hpp``, and that header
includes nearly all of torch: reading it takes most of a file's compile time.
GCC takes a precompiled header only if it was made with the very flags of the
file that includes it, and only if it is the first thing to be included.
Compiler and flags are in the ``build.ninja`` that torch has just written into
the current folder when it calls ninja, so this is the place.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HEADER = 'pytorch_cpp_helper.hpp'


def find_header(build_file: str) -> Path | None:
    """Return the header in the include folders of a build file, or None."""
    folders = re.findall(r'-I\s*(\S+)', _values(build_file)['cflags'])
    headers = [Path(folder, HEADER) for folder in folders]
    return next(filter(Path.is_file, headers), None)


def header_command(build_file: str, header: Path) -> str:
    """Return the shell command that precompiles the header.

    Args:
        build_file (str): text of torch's ``build.ninja``.
        header (Path): the header.
    """
    values = _values(build_file)
    flags = f'{values["cflags"]} {values["post_cflags"]}'
    return f'{values["cxx"]} {flags} -x c++-header {header} -o {header}.gch'


def include_first(build_file: str, header: Path) -> str:
    """Return a build file whose C++ files include the header first.

    Args:
        build_file (str): text of torch's ``build.ninja``.
        header (Path): the header.
    """
    return re.sub(
        r'^cflags = .*$', rf'\g<0> -include {header}', build_file, flags=re.M
    )


def _values(build_file: str) -> dict[str, str]:
    """Return the variables of a build file, as the shell gets them."""
    values = {'cxx': 'c++', 'cflags': '', 'post_cflags': ''}
    for name, value in re.findall(r'^(\w+) =(.*)$', build_file, re.M):
        values[name] = re.sub(r'\$(.)', r'\1', value.strip())
    return values


def main() -> None:
    """Precompile the header if there is one, then become ninja."""
    ninja, *arguments = sys.argv[1:]
    path = Path('build.ninja')
    build_file = path.read_text() if path.is_file() else ''
    header = find_header(build_file)
    if header:
        command = header_command(build_file, header)
        print(f'Precompiling the headers of torch\n{command}', flush=True)
        subprocess.run(command, shell=True, check=True)
        path.write_text(include_first(build_file, header))
    os.execv(ninja, [ninja, *arguments])


if __name__ == '__main__':
    main()
