"""Build a wheel of mmcv with its operators, once per machine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from environment.stacks import Stack, python_tag
from environment.steps import SetUpError, Steps

# Without debug information and with light optimisation the compiler takes
# half of the time and the wheel a twentieth of the space. The warnings are
# torch's, some thousands of lines.
COMPILER_FLAGS = '-g0 -O1 -w'
GIGABYTES_PER_COMPILER = 2


def wheel_folder(stack: Stack, ops: str, cache: Path) -> Path:
    """Return the folder that keeps the wheel for later set-ups.

    Its name holds everything that the wheel depends on.

    Args:
        stack (Stack): the versions.
        ops (str): what the operators are built for.
        cache (Path): the user's cache folder of this project.
    """
    torch = f'torch{stack.pins["torch"]}'
    name = f'{stack.mmcv}-{stack.pins[stack.mmcv]}'
    return cache / 'wheels' / f'{name}-{torch}-{python_tag()}-{ops}'


def find_wheel(folder: Path) -> Path | None:
    """Return the wheel in its folder, None if it has not been built yet."""
    return next(folder.glob('*.whl'), None)


def build_wheel(
    stack: Stack, ops: str, folder: Path, python: Path, steps: Steps
) -> None:
    """Build the wheel; its folder gets it whole or not at all.

    Args:
        stack (Stack): the versions.
        ops (str): what the operators are built for.
        folder (Path): where the wheel goes.
        python (Path): interpreter of an environment with torch and ninja.
        steps (Steps): runs the compilation.
    """
    if ops != 'cpu':
        _check_cuda(ops, python)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch, 'wheel')
        requirement = stack.pinned(stack.mmcv)[0]
        command = [str(python), '-m', 'pip', 'wheel', '--verbose']
        # pip's own cache may hold a wheel built without operators.
        command += ['--no-cache-dir', '--no-binary', stack.mmcv]
        command += ['--no-deps', '--no-build-isolation']
        steps.run(
            f'building {requirement} with its operators ({ops})',
            [*command, '--wheel-dir', str(made), requirement],
            _build_environment(ops, python, Path(scratch)),
        )
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def _build_environment(
    ops: str, python: Path, scratch: Path
) -> Mapping[str, str]:
    """Return the variables of the build, with our ninja first on PATH."""
    stand_in = scratch / 'ninja'
    here = Path(__file__).with_name('ninja_with_header.py')
    words = [python, here, python.with_name('ninja')]
    quoted = ' '.join(shlex.quote(str(word)) for word in words)
    stand_in.write_text(f'#!/bin/sh\nexec {quoted} "$@"\n')
    stand_in.chmod(0o755)
    env = dict(os.environ, MMCV_WITH_OPS='1', MAX_JOBS=str(_jobs()))
    env['PATH'] = os.pathsep.join([str(scratch), os.environ['PATH']])
    env['CFLAGS'] = f'{os.environ.get("CFLAGS", "")} {COMPILER_FLAGS}'
    if ops == 'cpu':
        env.update(FORCE_CUDA='0', CUDA_VISIBLE_DEVICES='')
    else:
        capabilities = re.findall(r'sm(\d+)(\d)', ops)
        env['FORCE_CUDA'] = '1'
        env['TORCH_CUDA_ARCH_LIST'] = ';'.join(map('.'.join, capabilities))
    return env


def _jobs() -> int:
    """Return the number of compilers that cores and memory allow at once."""
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    room = memory // (GIGABYTES_PER_COMPILER * 2**30)
    return max(1, min(len(os.sched_getaffinity(0)), room))


def _check_cuda(ops: str, python: Path) -> None:
    """Check that nvcc is of the CUDA release that torch was built with."""
    release = ops.split('-')[0].replace('cuda', '')
    command = [str(python), '-c', 'import torch; print(torch.version.cuda)']
    wanted = subprocess.check_output(command, text=True).strip()
    if wanted.split('.')[0] != release.split('.')[0]:
        raise SetUpError(
            f'nvcc is of CUDA {release} and torch of CUDA {wanted}: put an '
            f'nvcc of CUDA {wanted} first on PATH (or set CUDA_HOME), or set '
            'SEMA_MM_CPU_ONLY=1 to have operators for the CPU alone.'
        )
