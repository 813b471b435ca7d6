"""Imports point one way: the contracts of import-linter in pyproject.toml."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: A line in a file, and the contract that it breaks.
BREACHES = {
    'sema_mm/averaging/momentum.py': (
        'from ..hooks import SwitchEMAHook',
        'Imports point one way BROKEN',
    ),
    'sema_mm/averaging/functional.py': (
        'import mmengine',
        'Averaging needs torch alone BROKEN',
    ),
    'sema_mm/config/plan.py': (
        'from ..tasks import digit_images',
        'neither knows the other BROKEN',
    ),
    'sema_mm/tasks/digit_images.py': (
        'from ..hooks import SwitchEMAHook',
        'not known to tasks BROKEN',
    ),
    'sema_mm/hooks/evaluation.py': (
        'import mmdet',
        'need torch and mmengine alone BROKEN',
    ),
}


def lint(folder):
    """Return the exit code, and the output without its colours."""
    done = subprocess.run(
        [Path(sys.executable).with_name('lint-imports'), '--no-cache'],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return done.returncode, re.sub(r'\x1b\[\d+m', '', done.stdout)


def test_the_contracts_are_kept():
    code, output = lint(ROOT)
    assert code == 0, output


@pytest.mark.slow
@pytest.mark.parametrize('name', BREACHES)
def test_a_breach_is_found(name, tmp_path):
    for folder in ('sema_mm', 'research', 'demo'):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=shutil.ignore_patterns('results', '__pycache__'),
        )
    shutil.copy(ROOT / 'pyproject.toml', tmp_path)
    line, says = BREACHES[name]
    with (tmp_path / name).open('a') as file:
        file.write(f'\n{line}\n')
    code, output = lint(tmp_path)
    assert code == 1
    assert says in output


@pytest.mark.slow
def test_the_package_needs_only_torch_and_mmengine():
    code = (
        'import sys, sema_mm; '
        "bad = {'mmcv', 'mmdet', 'mmpretrain', 'sklearn', 'pandas'}; "
        'print(bad & sys.modules.keys())'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert done.stdout == 'set()\n', done.stdout + done.stderr
