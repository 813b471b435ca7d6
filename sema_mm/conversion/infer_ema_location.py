"""Infer which of the two sets of weights of an old checkpoint is the average.

The hooks of mmcv 1.x exchange weights and ``ema_*`` buffers at the end of
each epoch, and back before the next. A checkpoint that is saved in between
holds the average under the names of the weights; one that is saved before
the exchange, or in the middle of an epoch, holds it in the buffers. The
run's config, whose text is in old checkpoints, decides. It is a program; it
is parsed here, never run.
"""

import ast
import re
from pathlib import Path
from typing import Any

WEIGHTS, BUFFERS = 'weights', 'buffers'

#: mmcv's names of priorities; the lower is called first.
_PRIORITIES = dict(
    HIGHEST=0,
    VERY_HIGH=10,
    HIGH=30,
    ABOVE_NORMAL=40,
    NORMAL=50,
    BELOW_NORMAL=60,
    LOW=70,
    VERY_LOW=90,
    LOWEST=100,
)


def infer_ema_location(meta: dict, file: str = '') -> tuple[str, str]:
    """Infer which entries of an old checkpoint hold the average.

    Args:
        meta (dict): The meta data of the checkpoint.
        file (str): Its path. Defaults to ''.

    Returns:
        Tuple[str, str]: 'weights' or 'buffers', and the reason.
    """
    if saved_by_iteration(meta, file):
        return BUFFERS, 'it was saved by iteration, with no exchange'
    settings = _settings(meta)
    if not settings:
        return WEIGHTS, (
            'assumed, as hooks of mmcv 1.x exchange the two before an '
            "epoch's checkpoint; else use --average-in buffers"
        )
    best = _name(file).startswith('best')
    saver = _PRIORITIES['LOW' if best else 'NORMAL']
    # OpenMixup registers its own hooks before the others, mmcv after them;
    # the hook that evaluates and saves the best comes last.
    first = best or 'openmixup_version' in meta
    return _by_priority(settings, saver, first)


def saved_by_iteration(meta: dict, file: str = '') -> bool:
    """Return whether a checkpoint was saved in the middle of an epoch."""
    settings = _settings(meta)
    if not settings:
        return bool(re.fullmatch(r'iter_\d+\.pth', _name(file)))
    runner = _dict(settings.get('runner'))
    saving = _dict(settings.get('checkpoint_config'))
    return (
        'IterBased' in str(runner.get('type'))
        or saving.get('by_epoch') is False
    )


def _by_priority(
    settings: dict[str, Any], saver: int, first: bool
) -> tuple[str, str]:
    """Compare the priorities of the hooks that exchange and that save.

    Args:
        settings (Dict[str, Any]): The run's config.
        saver (int): The priority of the hook that saves.
        first (bool): Whether the exchange comes first at equal priorities.

    Returns:
        Tuple[str, str]: As :func:`infer_ema_location`.
    """
    hooks = settings.get('custom_hooks')
    hooks = [_dict(hook) for hook in hooks] if isinstance(hooks, list) else []
    hooks = [h for h in hooks if str(h.get('type')).endswith('EMAHook')]
    if not hooks:
        return WEIGHTS, (
            'assumed, as its config names no EMAHook; else use --average-in '
            'buffers'
        )
    given = hooks[0].get('priority', 'NORMAL')
    number = _PRIORITIES.get(given) if isinstance(given, str) else given
    if not isinstance(number, int):
        return WEIGHTS, f'assumed, with a priority {given!r} that is unknown'
    hook = f'{hooks[0]["type"]} with priority {given}'
    if number < saver or (first and number == saver):
        return WEIGHTS, f'{hook} exchanges the two before the save'
    return BUFFERS, f'{hook} exchanges the two after the save'


def _name(file: str) -> str:
    return Path(file).resolve().name


def _dict(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def _settings(meta: dict) -> dict[str, Any]:
    """Read the assignments of the run's config without running it."""
    try:
        body = ast.parse(str(meta.get('config', ''))).body
        return {
            node.targets[0].id: _value(node.value)
            for node in body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
        }
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


def _value(node: ast.expr) -> Any:
    """Read constants, lists and dicts; None for all else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        keys = [_value(key) if key else None for key in node.keys]
        return dict(zip(map(str, keys), map(_value, node.values)))
    if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'dict':
        return {word.arg: _value(word.value) for word in node.keywords}
    return None
