"""Make the virtual environment that the project is tested in.

Run it through ``make setup``, or from the root of the project::

    python3.11 .dev --venv .venv --stack openmmlab

Needs nothing but the standard library. The stamp file is written last and
says what the environment was made from: with the same stamp nothing is done,
with another or none the environment is made anew.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TextIO

if not (3, 9) <= sys.version_info[:2] <= (3, 12):
    sys.exit(
        'error: Python {}.{} does not fit: use Python 3.9 to 3.12 '
        '(make PYTHON=/path/to/python3.11).'.format(*sys.version_info)
    )

from environment.checks import (
    check_compiler,
    check_venv_module,
    choose_ops,
    gpu_capabilities,
)
from environment.mmcv_wheel import build_wheel, find_wheel, wheel_folder
from environment.stacks import PYTHONS, ROOT, Stack, read_stack
from environment.steps import SetUpError, Steps
from environment.torch_build import cpu_builds

STAMP = 'sema_mm.stamp'


def main() -> None:
    """Read the command line and make the environment if need be."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--venv', type=Path, default=Path('.venv'))
    parser.add_argument('--stack', choices=PYTHONS, default='openmmlab')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        set_up(Path(os.path.abspath(args.venv)), read_stack(args.stack))
    except SetUpError as error:
        sys.exit(f'error: {error}')
    except KeyboardInterrupt:
        sys.exit('error: interrupted; run this again to start anew.')


def set_up(venv: Path, stack: Stack) -> None:
    """Make the environment unless it is there and up to date."""
    check_python(stack)
    ops = choose_ops()
    stamp = fingerprint(venv, stack, ops)
    with open_locked(venv.with_name(f'{venv.name}.log')) as log:
        if is_whole(venv, stack, stamp):
            print(f'{venv} is up to date.')
            return
        folder = wheel_folder(stack, ops, cache_folder())
        check_venv_module()
        if find_wheel(folder) is None:
            check_compiler()
        steps = Steps(Path(log.name))
        print(describe(venv, stack, find_wheel(folder) is not None))
        make_empty(venv, steps)
        install(venv, stack, ops, folder, steps)
        (venv / STAMP).write_text(stamp)
        steps.say(f'{venv} is ready')


def check_python(stack: Stack) -> None:
    """Check that this Python is one that the stack runs on.

    Raises:
        SetUpError: If it is not.
    """
    oldest, newest = PYTHONS[stack.name]
    if not oldest <= sys.version_info[:2] <= newest:
        raise SetUpError(
            f'Python {sys.version_info[0]}.{sys.version_info[1]} does not '
            f'fit the stack {stack.name}: use Python 3.{oldest[1]} to '
            f'3.{newest[1]} (make PYTHON=/path/to/python3.{newest[1]}).'
        )


def cache_folder() -> Path:
    """Return the user's cache folder of this project; make it if need be."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    folder = Path(base, 'sema_mm')
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fingerprint(venv: Path, stack: Stack, ops: str) -> str:
    """Return what the environment is made from, the text of the stamp.

    Args:
        venv (Path): folder of the environment.
        stack (Stack): the versions.
        ops (str): what the operators of mmcv are built for.
    """
    digest = hashlib.sha256()
    for path in stack.requirements + stack.aside + stack.constraints:
        digest.update(path.read_bytes())
    lines = {
        'stack': stack.name,
        'requirements': digest.hexdigest(),
        'python': sys.version.replace('\n', ' '),
        'ops': ops,
        'venv': venv,
        'project': ROOT,
    }
    return ''.join(f'{name}: {value}\n' for name, value in lines.items())


def is_whole(venv: Path, stack: Stack, stamp: str) -> bool:
    """Return whether the environment is finished and unchanged.

    Args:
        venv (Path): folder of the environment.
        stack (Stack): the versions that it has to hold.
        stamp (str): result of :func:`fingerprint`.
    """
    python = str(venv / 'bin' / 'python')
    script = str(Path(__file__).with_name('check_versions.py'))
    try:
        found = (venv / STAMP).read_text()
        run = subprocess.run([python, script, *stack.pinned(*stack.pins)])
    except OSError:
        return False
    return found == stamp and run.returncode == 0


def describe(venv: Path, stack: Stack, has_wheel: bool) -> str:
    """Return the size of the environment and the steps that make it.

    Args:
        venv (Path): folder of the environment.
        stack (Stack): the versions to install.
        has_wheel (bool): whether an earlier set-up has built mmcv.
    """
    mmcv = stack.pinned(stack.mmcv)[0]
    size = '7 GB, most of it CUDA libraries of torch (4 GB to download)'
    if not gpu_capabilities():
        size += '; 2 GB where the package index offers a CPU build of torch'
    built = (
        'kept from an earlier set-up'
        if has_wheel
        else '3 minutes on 2 cores, more with CUDA'
    )
    steps = [
        'an empty environment',
        'build tools',
        stack.pinned('torch')[0],
        f'{mmcv} with its operators ({built})',
        f'the stack {stack.name} and the development tools',
        'this project',
        'a trial run',
    ]
    return (
        f'Setting up {venv}.\nDisk space: {size}.\nSteps: '
        f'{", ".join(steps)}.\nOutput of all commands: {venv}.log'
    )


def open_locked(path: Path) -> TextIO:
    """Return the open log, locked until it is closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open('a')
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def make_empty(venv: Path, steps: Steps) -> None:
    """Make an empty virtual environment in place of an unfinished one.

    Raises:
        SetUpError: If the folder holds something else.
    """
    if venv.exists() and not (venv / 'pyvenv.cfg').exists():
        if any(venv.iterdir()):
            raise SetUpError(
                f'{venv} is not a virtual environment: choose another folder '
                '(make VENV=FOLDER).'
            )
    (venv / STAMP).unlink(missing_ok=True)
    shutil.rmtree(venv, ignore_errors=True)
    version = '.'.join(map(str, sys.version_info[:3]))
    steps.run(
        f'making {venv} with Python {version}',
        [os.path.realpath(sys.executable), '-m', 'venv', str(venv)],
    )


def install(
    venv: Path, stack: Stack, ops: str, folder: Path, steps: Steps
) -> None:
    """Install everything into an empty environment and try it.

    Args:
        venv (Path): folder of the environment.
        stack (Stack): the versions.
        ops (str): what the operators of mmcv are built for.
        folder (Path): where the wheel of mmcv is kept.
        steps (Steps): runs the commands.

    Raises:
        SetUpError: If a step fails.
    """
    python = venv / 'bin' / 'python'
    # Python compiles what is imported; pip would compile everything.
    options = ['--no-input', '--no-compile']
    for path in stack.constraints:
        options += ['-c', str(path)]
    pip = [str(python), '-m', 'pip', 'install', *options]
    tools = stack.pinned('setuptools', 'wheel', 'ninja')
    steps.run('installing the build tools', pip + tools)
    engine = stack.pinned('torch', 'torchvision')
    if not gpu_capabilities():
        engine = cpu_builds(engine, python) or engine
    shared = stack.pinned('numpy', 'setuptools')
    steps.run(f'installing {" ".join(engine)}', [*pip, *engine, *shared])
    if find_wheel(folder) is None:
        build_wheel(stack, ops, folder, python, steps)
    named = ['--find-links', str(folder)]
    for path in stack.requirements:
        named += ['-r', str(path)]
    steps.run(f'installing the stack {stack.name}', pip + named)
    # mmcv and mmengine require opencv-python by name, which needs the
    # graphics libraries of a desktop. The headless package holds the same
    # module without them: its files go over the other's, whose metadata
    # stays, so that pip still finds every requirement met.
    headless = f'opencv-python-headless=={stack.pins["opencv-python"]}'
    over = ['--force-reinstall', '--no-deps']
    steps.run(f'installing {headless}', [*pip, *over, headless])
    alone = ['--no-deps', '--no-build-isolation']
    for path in stack.aside:
        target = ['--target', str(venv / path.stem), '-r', str(path)]
        steps.run(f'installing {path.stem}', [*pip, *alone, *target])
    project = [*alone, '--editable', str(ROOT)]
    steps.run('installing this project', [*pip, *project])
    verify = str(Path(__file__).with_name('verify.py'))
    try:
        steps.run('trying it', [str(python), verify, ops])
    except SetUpError:
        # The next set-up shall not take the same wheel again.
        shutil.rmtree(folder, ignore_errors=True)
        raise
