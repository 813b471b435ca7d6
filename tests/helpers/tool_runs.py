"""Runs of the programs in tools/ for their tests."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / 'tools'

#: A config that trains in seconds, with neither mmpretrain nor mmdet.
TOY_CONFIG = """
model = dict(type='tests.toy.ToyModel')
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    dataset=dict(type='tests.toy.ToyData'),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    dataset=dict(type='tests.toy.ToyData', size=12),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='tests.toy.ToyMetric')
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
    """Run tools/NAME.py in a folder and return the finished process."""
    return subprocess.run(
        [sys.executable, str(TOOLS / f'{name}.py'), *map(str, args)],
        cwd=cwd,
        env={**environment(), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


def load_tool(name, monkeypatch):
    """Import tools/NAME.py, whose own imports are beside it."""
    monkeypatch.syspath_prepend(str(TOOLS))
    spec = importlib.util.spec_from_file_location(
        f'sema_mm_tool_{name}', TOOLS / f'{name}.py'
    )
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module
