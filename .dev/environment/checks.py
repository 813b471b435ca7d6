"""Check what the machine must have, and say what to do where it has not."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from environment.steps import SetUpError


def check_venv_module() -> None:
    """Check that this Python can make virtual environments.

    Raises:
        SetUpError: If it cannot, as on Debian without python3-venv.
    """
    if importlib.util.find_spec('ensurepip') is None:
        raise SetUpError(
            f'{sys.executable} cannot make virtual environments: install '
            'its venv module (Debian: apt-get install python3-venv).'
        )


def check_compiler() -> None:
    """Check that C++ extensions can be built.

    Raises:
        SetUpError: If there is no C++ compiler or no Python headers.
    """
    compiler = os.environ.get('CXX', 'c++').split()[0]
    if shutil.which(compiler) is None:
        raise SetUpError(
            f'mmcv has to be built and there is no C++ compiler ({compiler}): '
            'install one (Debian: apt-get install g++) or name it in CXX.'
        )
    if not Path(sysconfig.get_path('include'), 'Python.h').is_file():
        raise SetUpError(
            f'mmcv has to be built and {sys.executable} has no Python.h: '
            'install its headers (Debian: apt-get install python3-dev).'
        )


def choose_ops() -> str:
    """Choose the device that the operators of mmcv are built for.

    Returns:
        str: ``'cpu'``, or the CUDA release and the compute capabilities, as
        in ``'cuda12.8-sm90'``.

    Raises:
        SetUpError: If there is a GPU that operators cannot be built for.
    """
    capabilities = gpu_capabilities()
    if not capabilities or os.environ.get('SEMA_MM_CPU_ONLY') == '1':
        return 'cpu'
    release = _cuda_release()
    if release is None:
        raise SetUpError(
            'There is a GPU but no nvcc to build the CUDA operators of mmcv '
            'with: install the CUDA toolkit and put nvcc on PATH, or set '
            'SEMA_MM_CPU_ONLY=1 to have operators for the CPU alone.'
        )
    return f'cuda{release}-sm' + '-sm'.join(capabilities)


def gpu_capabilities() -> list[str]:
    """Return the compute capabilities of the GPUs, as in ``['80', '90']``."""
    query = ['nvidia-smi', '--query-gpu=compute_cap', '--format=csv,noheader']
    found = re.findall(r'^(\d+)\.(\d+)$', output_of(query), re.MULTILINE)
    return sorted({major + minor for major, minor in found})


def _cuda_release() -> str | None:
    home = os.environ.get('CUDA_HOME') or os.environ.get('CUDA_PATH')
    nvcc = str(Path(home, 'bin', 'nvcc')) if home else 'nvcc'
    found = re.search(r'release (\d+\.\d+)', output_of([nvcc, '--version']))
    return found.group(1) if found else None


def output_of(command: list[str]) -> str:
    """Return what a command prints; nothing if it cannot be run."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ''
