"""Runs of the programs in tools/ for their tests."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / 'tools'

#: A config that trains in seconds, with neither mmpretrain nor mmdet.
TOY_CONFIG = """
model = dict(type='tests.helpers.toy.ToyModel')
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    dataset=dict(type='tests.helpers.toy.ToyData'),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    dataset=dict(type='tests.helpers.toy.ToyData', size=12),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='tests.helpers.toy.ToyMetric')
test_evaluator = val_evaluator
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9))
param_scheduler = dict(type='CosineAnnealingLR', T_max=3, end=3)
train_cfg = dict(by_epoch=True, max_epochs=3)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [dict(type='sema_mm.SwitchEMAHook', momentum=0.5)]
default_scope = 'mmengine'
env_cfg = dict()
randomness = dict(seed=1)
"""


def environment():
    """Return the environment of a run: one thread, this project first."""
    return {
        **os.environ,
        'OMP_NUM_THREADS': '1',
        'PYTHONPATH': str(ROOT),
        'COLUMNS': '100',
    }


def run_tool(name, *args, cwd, **variables):
    """Run tools/NAME.py, or a module by its name, and wait."""
    is_module = '.' in name or name == 'sema_mm'
    program = ['-m', name] if is_module else [str(TOOLS / f'{name}.py')]
    return subprocess.run(
        [sys.executable, *program, *map(str, args)],
        cwd=cwd,
        env={**environment(), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
