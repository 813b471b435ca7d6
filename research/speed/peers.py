"""One averaging step of each library that has one.

Each is used as its documentation says, with the momentum 0.001 (decay 0.999),
once per step, without warm-up.
"""

import importlib
import types
from collections.abc import Callable
from typing import Any

import torch
from mmengine.model import ExponentialMovingAverage
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sema_mm.averaging.nonfinite_guard import FiniteCheck, NonfiniteGuard
from sema_mm.averaging.switch_ema import SwitchEMA

__all__ = [
    'BARE',
    'GUARDED',
    'MMENGINE',
    'OURS',
    'PEERS',
    'STEPS',
    'arithmetic',
    'ema_pytorch',
]

MOMENTUM = 0.001
OURS = 'SwitchEMA'
GUARDED = 'SwitchEMA with guard'
#: What a guarded step does with tensors, without the rest of it.
BARE = 'SwitchEMA, only tensors'
MMENGINE = 'mmengine EMA'

Step = Callable[[], Any]


def _ours(model: nn.Module) -> Step:
    average = SwitchEMA(model, MOMENTUM)
    return lambda: average.update_parameters(model)


def _guarded(model: nn.Module) -> Step:
    """Return a step as the hook does it."""
    average, guard = SwitchEMA(model, MOMENTUM), NonfiniteGuard(20)

    def step() -> None:
        average.update_parameters(model, skip_if=guard.judge)
        guard.settle()

    return step


def arithmetic(average: SwitchEMA) -> Step:
    """Do the arithmetic of a guarded step, and none of its bookkeeping.

    Args:
        average (SwitchEMA): An average.

    Returns:
        Callable: Calls what the step calls on tensors.
    """
    groups, is_finite = average._groups, FiniteCheck(average._sources)

    def step() -> None:
        for group in groups:
            group.read()
        is_finite()
        for group in groups:
            group.update(MOMENTUM)

    return step


def _mmengine(model: nn.Module, update_buffers: bool = False) -> Step:
    average = ExponentialMovingAverage(
        model, MOMENTUM, update_buffers=update_buffers
    )
    return lambda: average.update_parameters(model)


def _mmengine_buffers(model: nn.Module) -> Step:
    return _mmengine(model, update_buffers=True)


def _timm(model: nn.Module) -> Step:
    module = importlib.import_module('timm.utils.model_ema')
    half = next(model.parameters()).dtype != torch.float32
    average = module.ModelEmaV3(
        model, decay=1 - MOMENTUM, dtype=torch.float32 if half else None
    )
    return lambda: average.update(model)


def ema_pytorch(model: nn.Module, **options: Any) -> Any:
    """Build the average of ema-pytorch; it updates at every call."""
    module = importlib.import_module('ema_pytorch')
    return module.EMA(
        model,
        beta=1 - MOMENTUM,
        update_after_step=0,
        update_every=1,
        **options,
    )


def _ema_pytorch(model: nn.Module) -> Step:
    return ema_pytorch(model).update


def _ema_pytorch_foreach(model: nn.Module) -> Step:
    return ema_pytorch(model, use_foreach=True).update


def _torch(model: nn.Module) -> Step:
    average = AveragedModel(
        model, multi_avg_fn=get_ema_multi_avg_fn(1 - MOMENTUM)
    )
    return lambda: average.update_parameters(model)


def _lightning(model: nn.Module) -> Step:
    """Call the callback with what it reads of a trainer."""
    lightning = importlib.import_module('pytorch_lightning')
    callbacks = importlib.import_module('pytorch_lightning.callbacks')
    module = lightning.LightningModule()
    module.model = model
    module.to(next(model.parameters()).device)
    callback = callbacks.EMAWeightAveraging(decay=1 - MOMENTUM)
    trainer: Any = types.SimpleNamespace(global_step=0)
    callback.setup(trainer, module, 'fit')

    def step() -> None:
        trainer.global_step += 1
        callback.on_train_batch_end(trainer, module, None, None, 0)

    return step


PEERS: dict[str, Callable[[nn.Module], Step]] = {
    MMENGINE: _mmengine,
    'mmengine EMA, update_buffers': _mmengine_buffers,
    'timm ModelEmaV3': _timm,
    'ema-pytorch': _ema_pytorch,
    'ema-pytorch, foreach': _ema_pytorch_foreach,
    'torch AveragedModel, foreach': _torch,
    'Lightning EMAWeightAveraging': _lightning,
}
STEPS = {OURS: _ours, GUARDED: _guarded, **PEERS}
