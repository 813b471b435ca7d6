"""What the tools share: from a command line to a config and a runner."""

import argparse
import contextlib
import importlib
import os
import os.path as osp
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Optional

from config_file import load_config
from mmengine.config import Config, DictAction
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.device import get_device
from mmengine.registry import RUNNERS
from mmengine.runner import Runner, find_latest_checkpoint
from processes import join_processes

from sema_mm.checkpoint import use_safe_loading

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
        use_safe_loading(cfg.work_dir)
        join_processes(cfg)
        return build_runner(cfg)


@contextlib.contextmanager
def one_sentence(*kinds: type[BaseException]) -> Iterator[None]:
    """Ends the program on such errors with their message and exit code 2.

    Errors that other code than the tools' own raises are followed by the
    place that raised them.

    Args:
        *kinds (type): The errors that a user can mend; others pass.

    Yields:
        None: Nothing.
    """
    try:
        yield
    except kinds as error:
        text = str(error.args[0] if len(error.args) == 1 else error)
        kind = '' if ' ' in text else f'{type(error).__name__}: '
        sys.stdout.flush()
        print(f'error: {kind}{text}', file=sys.stderr)
        raised = traceback.extract_tb(error.__traceback__)[-1]
        if osp.dirname(raised.filename) != osp.dirname(__file__):
            where = f'{raised.filename}, line {raised.lineno}'
            print(f'(raised in {where})', file=sys.stderr)
        sys.exit(2)


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
    checkpoint = find_checkpoint(cfg)
    if checkpoint and '://' not in checkpoint and not osp.exists(checkpoint):
        raise ValueError(f'there is no checkpoint {checkpoint}')


def find_checkpoint(cfg: Config) -> Any:
    """Finds the checkpoint that mmengine is going to load.

    Args:
        cfg (Config): The config, with the arguments merged.

    Returns:
        str or None: Its path or address; None for none.
    """
    if cfg.get('load_from'):
        return cfg.load_from
    if cfg.get('resume') and osp.exists(
        osp.join(cfg.work_dir, 'last_checkpoint')
    ):
        return find_latest_checkpoint(cfg.work_dir)
    return None


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
