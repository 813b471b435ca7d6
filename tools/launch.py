"""What the tools share: from a command line to a config and a runner."""

import argparse
import contextlib
import difflib
import importlib
import inspect
import os
import os.path as osp
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import NoReturn, Optional

import mmengine.registry
import torch.distributed as dist
from checkpoint_check import CheckpointCheck
from config_file import load_config
from mmengine.config import Config, DictAction
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.device import get_device
from mmengine.registry import OPTIMIZERS, RUNNERS
from mmengine.runner import Runner, find_latest_checkpoint
from processes import join_processes

import sema_mm
from sema_mm.checkpoint import (
    DamagedCheckpointError,
    load_from_local,
    use_safe_loading,
)

#: What a wrong config or a wrong path raises before the run.
USER_ERRORS = (ValueError, TypeError, KeyError, ImportError, OSError)

#: Devices with mixed precision, in mmengine's words.
AMP_DEVICES = ('cuda', 'npu', 'mlu', 'musa')


def make_parser(text: str) -> argparse.ArgumentParser:
    """Makes a parser with the arguments of all tools that read a config.

    Args:
        text (str): What the tool does, in its first line.

    Returns:
        argparse.ArgumentParser: The parser.
    """
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument(
        'config',
        help='path of the config, or LIBRARY::NAME of an installed one',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='settings that replace those of the config and of all other '
        'arguments, as in train_cfg.max_epochs=3',
    )
    return parser


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the tools that run a config.

    Args:
        parser (argparse.ArgumentParser): The parser of a tool.
    """
    parser.add_argument(
        '--work-dir',
        help='folder of logs and checkpoints '
        '(default: that of the config, or work_dirs/NAME_OF_THE_CONFIG)',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes of a distributed run',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def prepare(
    args: argparse.Namespace,
    merge_args: Callable[[Config, argparse.Namespace], None],
    loop: str,
) -> Runner:
    """Goes from the command line to a runner, or ends the program.

    Args:
        args (argparse.Namespace): The command line.
        merge_args (callable): Writes it into the config.
        loop (str): What the runner must be able to do, 'train' or 'test'.

    Returns:
        Runner: The runner.
    """
    with one_sentence(*USER_ERRORS):
        cfg = load_config(args.config)
        merge_args(cfg, args)
        check_config(cfg, loop)
        use_safe_loading()
        join_processes(cfg)
        runner = build_runner(cfg)
        check_optimizer(cfg)
        runner.register_hook(CheckpointCheck(), priority='LOWEST')
        return runner


@contextlib.contextmanager
def one_sentence(*kinds: type[BaseException]) -> Iterator[None]:
    """Ends the program on such errors with their message and exit code 2.

    Args:
        *kinds (type): The errors that a user can mend; others pass.

    Yields:
        None: Nothing.
    """
    try:
        yield
    except kinds as error:
        end(error, 2)


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Ends the program on what a user can mend while a runner runs.

    The exit code is 2 for what is wrong in the config or a checkpoint, and 1
    for what went wrong on the way. Other errors pass, with their traceback.

    Yields:
        None: Nothing.
    """
    try:
        yield
    except Exception as error:
        if dist.is_initialized() and is_of_others(error):
            reason = str(error).splitlines()[0]
            text = (
                'another process of this run ended, or did not answer in '
                f'time; what it printed says why ({reason})'
            )
            end(RuntimeError(text), 1)
        on_the_way = isinstance(error, (OSError, RuntimeError))
        what = being_built(error)
        if what and isinstance(error, (*USER_ERRORS, AssertionError)):
            where = f' (while building the {what})'
            end(error, 1 if on_the_way else 2, where)
        known = isinstance(error, (ImportError, OSError))
        if known or explains_itself(error):
            end(error, 1 if on_the_way else 2)
        raise


def explains_itself(error: BaseException) -> bool:
    """Tells whether the message of an error was written for users.

    Args:
        error (BaseException): The error.

    Returns:
        bool: Whether this project or a registry of mmengine raised it.
    """
    folders = (sema_mm.__file__, __file__, mmengine.registry.__file__)
    path = place_of(error).filename
    return any(path.startswith(osp.dirname(f) + os.sep) for f in folders)


def being_built(error: BaseException) -> str:
    """Finds out what the runner was building when an error was raised.

    Args:
        error (BaseException): The error.

    Returns:
        str: The part, such as 'train loop'; empty if it was running.
    """
    names = [
        frame.name
        for frame in traceback.extract_tb(error.__traceback__)
        if osp.basename(frame.filename) in ('runner.py', '_flexible_runner.py')
    ]
    built = [name for name in names if name.startswith('build_')]
    return built[-1][len('build_') :].replace('_', ' ') if built else ''


def is_of_others(error: BaseException) -> bool:
    """Tells whether an error is about the other processes of a run.

    Args:
        error (BaseException): The error.

    Returns:
        bool: Whether it is.
    """
    gloo = isinstance(error, RuntimeError) and 'gloo' in str(error)
    return gloo or isinstance(error, dist.DistError)


def place_of(error: BaseException) -> traceback.FrameSummary:
    """Finds where an error was raised.

    Args:
        error (BaseException): The error.

    Returns:
        traceback.FrameSummary: The file and the line.
    """
    frames = traceback.extract_tb(error.__traceback__)
    unnamed = traceback.FrameSummary(__file__, 0, '')
    return frames[-1] if frames else unnamed


def end(error: BaseException, code: int, more: str = '') -> NoReturn:
    """Ends the program with the message of an error.

    Errors that other code than this project's raised are followed by the
    place that raised them.

    Args:
        error (BaseException): The error.
        code (int): The exit code.
        more (str): What to print after the message. Defaults to ''.
    """
    text = str(error.args[0] if len(error.args) == 1 else error).strip()
    if 'Original Traceback' in text:  # Of a worker that reads data.
        text = text.splitlines()[-1].partition(': ')[2]
    text = re.sub(r'^\[Errno \d+\] ', '', text)
    kind = '' if ' ' in text else f'{type(error).__name__}: '
    sys.stdout.flush()
    print(f'error: {kind}{text}{more}', file=sys.stderr)
    place = place_of(error)
    ours = (sema_mm.__file__, __file__)
    if not any(place.filename.startswith(osp.dirname(f)) for f in ours):
        where = f'{place.filename}, line {place.lineno}'
        print(f'(raised in {where})', file=sys.stderr)
    sys.exit(code)


def merge_common(
    cfg: Config,
    args: argparse.Namespace,
    change: Callable[[], None] = lambda: None,
) -> None:
    """Writes the arguments of both tools into a config; they win.

    Args:
        cfg (Config): The config, changed in place.
        args (argparse.Namespace): The command line.
        change (callable): As for :func:`merge_options`.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg.launcher = args.launcher
    name = osp.splitext(osp.basename(cfg.filename))[0]
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or osp.join('work_dirs', name)
    )
    merge_options(cfg, args.cfg_options, change)


def merge_options(
    cfg: Config,
    options: Optional[dict],
    change: Callable[[], None] = lambda: None,
) -> None:
    """Writes ``--cfg-options`` into a config.

    Args:
        cfg (Config): The config, changed in place.
        options (dict, optional): Keys to values.
        change (callable): Changes the config after these options, but
            before those about ``custom_hooks``. Defaults to nothing.
    """
    hooks, others = {}, {}
    for key, value in (options or {}).items():
        part = hooks if key.split('.')[0] == 'custom_hooks' else others
        part[key] = value
    cfg.merge_from_dict(others)
    change()
    cfg.merge_from_dict(hooks)


def check_config(cfg: Config, loop: str) -> None:
    """Looks for what is missing on this machine, before anything is built.

    Args:
        cfg (Config): The config, with the arguments merged.
        loop (str): What it is used for, 'train' or 'test'.

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
    """Refuses what mmengine would overlook, or misread.

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
    """Looks up the optimizer, of which mmengine says nothing clear.

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
    """Looks into the checkpoint that a run begins with.

    Args:
        cfg (Config): The config, with the arguments merged.

    Raises:
        ValueError: If it is not there, or nothing that the run can use.
    """
    path = find_checkpoint(cfg)
    if path is None or '://' in path:
        return
    if not cfg.get('load_from') and chooses(cfg):
        with contextlib.suppress(DamagedCheckpointError, FileNotFoundError):
            load_from_local(path, 'cpu', mmap=True)
        return  # The hook takes an older one for a damaged one.
    if not path:
        pointer = osp.join(cfg.work_dir, 'last_checkpoint')
        raise ValueError(
            f'{pointer} is empty: name the checkpoint, --resume CHECKPOINT'
        )
    if not osp.exists(path):
        raise ValueError(f'there is no checkpoint {path}')
    if osp.isdir(path) and 'strategy' in cfg:
        return  # Of several processes; their strategy reads it.
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
    """Finds the checkpoint that mmengine is going to load.

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
    """Tells whether a run's hook chooses what to resume from.

    Args:
        cfg (Config): The config.

    Returns:
        bool: Whether it is our SafeCheckpointHook.
    """
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    return str(hook.get('type')).endswith('SafeCheckpointHook')


def build_runner(cfg: Config) -> Runner:
    """Builds the runner that a config names, mmengine's own by default.

    Args:
        cfg (Config): The config.

    Returns:
        Runner: The runner.
    """
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    return Runner.from_cfg(cfg)
