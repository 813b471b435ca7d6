"""Switch EMA (arXiv 2402.09240) for OpenMMLab's mmengine."""

from importlib.util import find_spec
from typing import Any

from .averaging import (
    AveragingOptions,
    MomentumSchedule,
    SwitchEMA,
    SwitchSchedule,
)
from .version import __version__

if find_spec('mmengine') is not None:
    from mmengine.registry import MODELS

    from .hooks import (
        FirstValidationHook,
        PreemptionHook,
        SafeCheckpointHook,
        SwitchEMAHook,
        SwitchTargetHook,
    )
    from .mmengine_patches import register_library
    from .strategies import DeepSpeedStrategy, FSDP2Strategy, FSDPStrategy

    register_library()
    MODELS.register_module(module=SwitchEMA)

__all__ = [
    'AveragingOptions',
    'DeepSpeedStrategy',
    'FSDP2Strategy',
    'FSDPStrategy',
    'FirstValidationHook',
    'MomentumSchedule',
    'PreemptionHook',
    'SafeCheckpointHook',
    'SwitchEMA',
    'SwitchEMAHook',
    'SwitchSchedule',
    'SwitchTargetHook',
    '__version__',
]


def __getattr__(name: str) -> Any:
    """Explain why a hook or a strategy is not there."""
    if name in __all__:
        raise ImportError(
            f'sema_mm.{name} needs mmengine, which is not installed: run '
            "'pip install mmengine' (or 'pip install onedl-mmengine', the "
            'maintained fork of the same import name)'
        )
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
