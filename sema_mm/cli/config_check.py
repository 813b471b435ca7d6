"""Checks of a config and its checkpoint before anything is built."""

import contextlib
import difflib
import importlib
import inspect
import os.path as osp
from typing import Optional

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.device import get_device
from mmengine.registry import OPTIMIZERS
from mmengine.runner import Runner, find_latest_checkpoint

from ..checkpointing.safe_loading import (
    DamagedCheckpointError,
    load_from_local,
)

#: Devices with mixed precision, in mmengine's words.
AMP_DEVICES = ('cuda', 'npu', 'mlu', 'musa')


def check_config(cfg: Config, loop: str) -> None:
    """Check that this machine has what a config needs.

    Args:
        cfg (Config): The config, with the arguments merged.
        loop (str): 'train' or 'test'.

    Raises:
        ValueError: If the loop, a package, a device or a checkpoint is
            missing.
    """
    check_keys(cfg)
    if cfg.get(f'{loop}_cfg') is None:
        raise ValueError(f'the config has no {loop}_cfg')
    scope = cfg.get('default_scope')
    if scope in MODULE2PACKAGE:
        try:
            importlib.import_module(scope)
        except Exception as error:  # Their checks of versions assert.
            raise ValueError(
                f'this config needs {scope}, which cannot be imported: {error}'
            ) from error
    wrapper = cfg.get('optim_wrapper') or {}
    amp = str(wrapper.get('type')).endswith('AmpOptimWrapper')
    if amp and get_device() not in AMP_DEVICES:
        raise ValueError(
            'mixed precision (AmpOptimWrapper) needs a GPU, NPU, MLU or MUSA '
            f'device, but this machine trains on the {get_device().upper()}: '
            'leave out --amp, or set optim_wrapper.type=OptimWrapper'
        )
    check_checkpoint(cfg)


def check_keys(cfg: Config) -> None:
    """Refuse keys that mmengine would overlook, or misread.

    Args:
        cfg (Config): The config.

    Raises:
        ValueError: If a key is spelled almost as one that mmengine reads.
        TypeError: If ``custom_hooks`` is no list.
    """
    known = {*inspect.signature(Runner).parameters} - {'cfg'}
    for key in set(cfg) - known:
        near = difflib.get_close_matches(key, known, 1, cutoff=0.88)
        if near:
            raise ValueError(
                f'mmengine does not read {key!r} in a config: did you mean '
                f'{near[0]!r}? (A variable of your own needs another name.)'
            )
    hooks = cfg.get('custom_hooks') or []
    if not isinstance(hooks, (list, tuple)):
        raise TypeError(f'custom_hooks must be a list of hooks, not {hooks!r}')


def check_optimizer(cfg: Config) -> None:
    """Check that the optimizer exists; mmengine's error is not clear.

    Args:
        cfg (Config): The config, after its libraries are imported.

    Raises:
        ValueError: If there is none of that name.
    """
    optimizer = (cfg.get('optim_wrapper') or {}).get('optimizer') or {}
    kind = optimizer.get('type')
    if not isinstance(kind, str):
        return
    with OPTIMIZERS.switch_scope_and_registry(None) as registry:
        if registry.get(kind) is None:
            near = difflib.get_close_matches(kind, registry.module_dict, 1)
            hint = f': did you mean {near[0]!r}?' if near else ''
            raise ValueError(f'there is no optimizer {kind!r}{hint}')


def check_checkpoint(cfg: Config) -> None:
    """Check the checkpoint that a run starts from.

    Args:
        cfg (Config): The config, with the arguments merged.

    Raises:
        ValueError: If it is missing, or the run cannot use it.
    """
    path = find_checkpoint(cfg)
    if path is None or '://' in path:
        return
    if not cfg.get('load_from') and chooses(cfg):
        with contextlib.suppress(DamagedCheckpointError):
            if osp.isfile(path):
                load_from_local(path, 'cpu', mmap=True)
        return  # The hook falls back to an older checkpoint.
    if not path:
        pointer = osp.join(cfg.work_dir, 'last_checkpoint')
        raise ValueError(
            f'{pointer} is empty: name the checkpoint, --resume CHECKPOINT'
        )
    if not osp.exists(path):
        raise ValueError(f'there is no checkpoint {path}')
    if osp.isdir(path) and 'strategy' in cfg:
        return  # A sharded checkpoint, which the strategy reads.
    content = load_from_local(path, 'cpu', mmap=True)
    if not cfg.get('resume'):
        return
    lacking = {'meta', 'state_dict', 'message_hub'} - set(content)
    if lacking:
        raise ValueError(
            f'{path} holds no training to resume (it lacks {min(lacking)}): '
            f'leave out --resume, and write --cfg-options load_from={path}'
        )


def find_checkpoint(cfg: Config) -> Optional[str]:
    """Find the checkpoint that mmengine is going to load.

    Args:
        cfg (Config): The config, with the arguments merged.

    Returns:
        str, optional: Its path or address; None for none.

    Raises:
        ValueError: If ``last_checkpoint`` is damaged.
    """
    if cfg.get('load_from'):
        return cfg.load_from
    pointer = osp.join(cfg.work_dir, 'last_checkpoint')
    if not cfg.get('resume') or not osp.exists(pointer):
        return None
    try:
        return find_latest_checkpoint(cfg.work_dir).strip()
    except UnicodeDecodeError as error:
        raise ValueError(
            f'{pointer} is damaged: name the checkpoint, --resume CHECKPOINT'
        ) from error


def chooses(cfg: Config) -> bool:
    """Return whether a SafeCheckpointHook chooses what to resume from."""
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    return str(hook.get('type')).endswith('SafeCheckpointHook')
