"""What the commands share: from a command line to a config and a runner."""

import argparse
import os
import os.path as osp
from collections.abc import Callable
from typing import Optional

from mmengine.config import Config, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from .. import mmengine_patches
from ..config.config_file import load_config
from .checkpoint_check import CheckpointCheck
from .config_check import check_config, check_optimizer
from .distributed import join_processes
from .errors import USER_ERRORS, one_sentence


def make_parser(text: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments of all commands that read a config.

    Args:
        text (str): Docstring of the command; its first line is the help.
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
    """Add the arguments of the commands that run a config."""
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
    """Return the runner of a command line, or end the program.

    Args:
        args (argparse.Namespace): The command line.
        merge_args (callable): Writes it into the config.
        loop (str): What the runner must be able to do, 'train' or 'test'.
    """
    with one_sentence(*USER_ERRORS):
        cfg = load_config(args.config)
        merge_args(cfg, args)
        check_config(cfg, loop)
        mmengine_patches.install()
        join_processes(cfg)
        runner = build_runner(cfg)
        check_optimizer(cfg)
        runner.register_hook(CheckpointCheck(), priority='LOWEST')
        return runner


def merge_common(
    cfg: Config,
    args: argparse.Namespace,
    change: Callable[[], None] = lambda: None,
) -> None:
    """Write the arguments of train and test into a config; they win.

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
    """Write ``--cfg-options`` into a config.

    Args:
        cfg (Config): The config, changed in place.
        options (dict, optional): Keys to values.
        change (callable): Changes the config after these options, but
            before those about ``custom_hooks``. Defaults to nothing.
    """
    hooks: dict = {}
    others: dict = {}
    for key, value in (options or {}).items():
        part = hooks if key.split('.')[0] == 'custom_hooks' else others
        part[key] = value
    cfg.merge_from_dict(others)
    change()
    cfg.merge_from_dict(hooks)


def build_runner(cfg: Config) -> Runner:
    """Return the runner that a config names, mmengine's own by default."""
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    return Runner.from_cfg(cfg)
