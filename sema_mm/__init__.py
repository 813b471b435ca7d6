"""Switch EMA (arXiv 2402.09240) for OpenMMLab's mmengine."""

try:
    import mmengine  # noqa: F401
except ImportError as error:
    raise ImportError(
        'sema_mm needs mmengine, which is not installed: run '
        "'pip install mmengine' (or 'pip install onedl-mmengine', the "
        'maintained fork of the same import name)'
    ) from error

from .averaging import (
    AveragingOptions,
    MomentumSchedule,
    SwitchEMA,
    SwitchSchedule,
)
from .hooks import (
    FirstValidationHook,
    PreemptionHook,
    SafeCheckpointHook,
    SwitchEMAHook,
    SwitchTargetHook,
)
from .strategies import DeepSpeedStrategy, FSDP2Strategy, FSDPStrategy
from .version import __version__

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
