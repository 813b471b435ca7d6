"""What ``import sema_mm`` gives, with mmengine and with torch alone."""

import subprocess
import sys
from pathlib import Path

from mmengine.registry import HOOKS, MODELS, STRATEGIES

import sema_mm

README = Path(__file__).parents[2] / 'README.md'
CODE = """
import sys
sys.modules['mmengine'] = None

import torch
from torch import nn

import sema_mm
from sema_mm import (
    AveragingOptions, MomentumSchedule, SwitchEMA, SwitchSchedule
)

model = nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
epochs, loader = 2, [torch.ones(4, 2)] * 3

def train_step(model, batch, optimizer):
    optimizer.zero_grad()
    model(batch).square().mean().backward()
    optimizer.step()

{loop}
assert average.steps == 6
for key, tensor in model.state_dict().items():
    assert torch.equal(average.state_dict()['module.' + key], tensor)
assert [name for name in sys.modules if name.startswith('mmengine.')] == []

# What imports mmengine does fail here.
for line in (
    'import sema_mm.hooks',
    'sema_mm.SwitchEmaHook',
    'from sema_mm import SwitchEMAHook',
):
    try:
        exec(line)
    except Exception as error:
        print(f'{{type(error).__name__}}: {{error}}')
"""


def test_torch_alone_runs_the_loop_of_the_readme():
    blocks = README.read_text().split('```python\n')[1:]
    (loop,) = [b.split('```')[0] for b in blocks if 'SwitchEMA(model' in b]
    done = subprocess.run(
        [sys.executable, '-c', CODE.format(loop=loop)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    inner, unknown, hook = done.stdout.splitlines()
    assert inner.startswith('ModuleNotFoundError: ')
    assert unknown == (
        "AttributeError: module 'sema_mm' has no attribute 'SwitchEmaHook'"
    )
    assert hook == (
        'ImportError: sema_mm.SwitchEMAHook needs mmengine, which is not '
        "installed: run 'pip install mmengine' (or 'pip install "
        "onedl-mmengine', the maintained fork of the same import name)"
    )


def test_bare_names_are_known_where_mmengine_is_installed():
    assert MODELS.get('SwitchEMA') is sema_mm.SwitchEMA
    assert HOOKS.get('SwitchEMAHook') is sema_mm.SwitchEMAHook
    strategy = STRATEGIES.get('sema_mm.FSDPStrategy')
    assert strategy is sema_mm.FSDPStrategy
