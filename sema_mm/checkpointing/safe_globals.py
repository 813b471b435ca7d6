"""Classes that a checkpoint may hold beside tensors, as they are data.

``torch.load(weights_only=True)`` builds tensors, plain containers and what is
listed here. Where a pickle calls ``getattr``, a stand-in looks the result up
in a table.
"""

import argparse
import pickle
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Union

import numpy as np
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

__all__ = ['safe_globals']

#: Classes whose instances are data, and whose constructors only store them.
_DATA = (
    *(HistoryBuffer, ConfigDict, argparse.Namespace, defaultdict),
    *(int, float, str, list, dict, tuple, frozenset, range, slice),
    *(type(Path()), date, datetime, timedelta),
)


class _OneCycle:
    """Stands for mmengine's scheduler, which nothing may build."""


#: All that a pickle can get with ``getattr``.
_ATTRIBUTES = {
    **{
        (HistoryBuffer, name): getattr(HistoryBuffer, name)
        for name in ('min', 'max', 'current', 'mean')
    },
    **{
        (_OneCycle, name): getattr(OneCycleParamScheduler, name)
        for name in ('_annealing_cos', '_annealing_linear')
    },
}


def safe_globals() -> list[Union[Callable, tuple[Callable, str]]]:
    """List what ``torch.serialization.safe_globals`` is to allow."""
    dtypes = [t for t in vars(np.dtypes).values() if isinstance(t, type)]
    one_cycle = OneCycleParamScheduler
    allowed: list[Any] = [*_DATA, np.ndarray, np.dtype, *dtypes]
    allowed.append((attribute, 'builtins.getattr'))
    allowed.append((_OneCycle, f'{one_cycle.__module__}.{one_cycle.__name__}'))
    rebuilders = {
        '_reconstruct': np.empty(0).__reduce__()[0],
        'scalar': np.float64(0).__reduce__()[0],
    }
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        for name, function in rebuilders.items():
            allowed.append((function, f'{module}.{name}'))
    return allowed


def attribute(owner: Any, name: str) -> Any:
    """Stand in for getattr.

    Args:
        owner (Any): Whose attribute a pickle asks for.
        name (str): Its name.

    Returns:
        Any: A statistic of a log history, or a curve of a scheduler.

    Raises:
        pickle.UnpicklingError: If it asks for anything else.
    """
    for (allowed, known), value in _ATTRIBUTES.items():
        if owner is allowed and name == known:
            return value
    raise pickle.UnpicklingError(f'it asks for {name!r} of {owner!r}')
