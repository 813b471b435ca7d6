"""What a number depends on besides the code: machine and versions."""

import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional

import torch

__all__ = [
    'command_line',
    'describe_environment',
    'read_environment',
    'write_environment',
]

PACKAGES = (
    'torch',
    'mmengine',
    'mmcv',
    'mmpretrain',
    'mmdet',
    'timm',
    'ema-pytorch',
    'pytorch-lightning',
    'numpy',
    'scipy',
)
ROOT = Path(__file__).resolve().parents[2]


def command_line(program: str) -> str:
    """Return the command that runs a module of ``research`` as now."""
    return f'python -m {program} {shlex.join(sys.argv[1:])}'.strip()


def write_environment(folder: Path, environment: dict[str, Any]) -> None:
    """Write ``environment.json`` into a folder."""
    text = json.dumps(environment, indent=2)
    (folder / 'environment.json').write_text(f'{text}\n')


def read_environment(folder: Path) -> dict[str, Any]:
    """Read ``environment.json`` of a folder; empty if there is none."""
    file = folder / 'environment.json'
    return json.loads(file.read_text()) if file.is_file() else {}


def describe_environment(command: str, clock: str) -> dict[str, Any]:
    """Describe the machine, the software and the command.

    Args:
        command (str): The command line of this run.
        clock (str): What times are of: ``'cpu'``, ``'wall'`` or ``'none'``.

    Returns:
        dict: The content of ``environment.json``.
    """
    return {
        'command': command,
        'clock': clock,
        'commit': _git('rev-parse', 'HEAD'),
        'uncommitted_changes': bool(_git('status', '--porcelain')),
        'cpu': _cpu(),
        'cores': os.cpu_count(),
        'threads': torch.get_num_threads(),
        'load_at_start': [round(load, 2) for load in os.getloadavg()],
        'gpu': _gpu(),
        'system': platform.system(),
        'python': platform.python_version(),
        'cuda': torch.version.cuda if torch.cuda.is_available() else None,
        'packages': {name: _version(name) for name in PACKAGES},
    }


def _cpu() -> str:
    file = Path('/proc/cpuinfo')
    lines = file.read_text().splitlines() if file.is_file() else []
    for line in lines:
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return platform.processor()


def _gpu() -> Optional[str]:
    if not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_name()


def _version(package: str) -> Optional[str]:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(*args: str) -> Optional[str]:
    try:
        done = subprocess.run(
            ['git', *args], cwd=ROOT, capture_output=True, text=True
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
