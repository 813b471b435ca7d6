"""Prints a config and what its run is going to do, without running it.

Examples::

    python tools/print_config.py CONFIG > whole_config.py
    python tools/print_config.py CONFIG --averaging sema --gpus 8
    python tools/print_config.py CONFIG --dataset-length 50000 --plan-only

The whole output is a config: the plan of the switches follows in comments.
"""

import argparse
import contextlib
import functools
import sys
from collections.abc import Callable

from mmengine.config import Config

from ..config import averaging
from ..config.config_file import load_config
from ..config.hooks import averaging_hooks, has_switch_ema, hook_name
from ..config.plan import ConfigPlan, is_epoch_based, plan_of_config
from .errors import USER_ERRORS, one_sentence
from .launch import make_parser, merge_options


def parse_args() -> argparse.Namespace:
    """Reads the command line.

    Returns:
        argparse.Namespace: The arguments.
    """
    parser = make_parser(__doc__)
    averaging.add_arguments(parser)
    parser.add_argument(
        '--dataset-length',
        type=int,
        metavar='N',
        help='number of training images (default: build the data set, and '
        'count them where the plan depends on it)',
    )
    parser.add_argument(
        '--gpus',
        type=int,
        default=1,
        metavar='N',
        help='processes of the run, each with the batch size of the config '
        '(default: 1)',
    )
    parser.add_argument(
        '--plan-only', action='store_true', help='leave the config out'
    )
    return parser.parse_args()


def counter(cfg: Config, args: argparse.Namespace) -> Callable[[], int]:
    """Makes a function that counts the training images, at most once.

    Args:
        cfg (Config): The config.
        args (argparse.Namespace): The arguments.

    Returns:
        callable: The function.
    """

    @functools.cache
    def images() -> int:
        if args.dataset_length is not None:
            return args.dataset_length
        try:
            return averaging.count_images(cfg)
        except ValueError as error:
            raise ValueError(f'{error}: write --dataset-length N') from error

    return images


def explain(cfg: Config, images: Callable[[], int], gpus: int) -> list[str]:
    """Says what a run is going to do with its averages.

    Args:
        cfg (Config): The config.
        images (callable): Counts the training images.
        gpus (int): Processes that share them.

    Returns:
        list[str]: Lines.

    Raises:
        ValueError: If the run would be refused, or go wrong silently.
    """
    if has_switch_ema(cfg):
        length = images() if is_epoch_based(cfg) else 1
        plan = plan_of_config(cfg, length, gpus)
        return describe(plan, length, gpus)
    names = [hook_name(hook) for hook in averaging_hooks(cfg)]
    if len(names) > 1:
        raise ValueError(
            f'{len(names)} hooks average the model, {" and ".join(names)}: '
            'keep one of them, or write --averaging ema'
        )
    if names:
        return [f'{names[0]} averages the weights, and never switches']
    return ['no averaging']


def describe(plan: ConfigPlan, images: int, gpus: int) -> list[str]:
    """Describes the plan of a run with our hook.

    Args:
        plan (ConfigPlan): The plan.
        images (int): Number of training images.
        gpus (int): Processes that share them.

    Returns:
        list[str]: Lines.
    """
    run = plan.length
    iters = run.iters_per_epoch
    unit = 'in all' if run.max_epochs is None else 'an epoch'
    lines = [
        f'{iters} iterations, {iters / run.accumulation:g} optimizer steps '
        f'{unit}',
        plan.switches.describe(0),
        'the model averages, with a momentum of its own',
    ]
    if plan.window is not None:
        lines[-1] = (
            f'window of {plan.window:g} optimizer steps '
            f'(momentum={plan.hook.options.momentum:g})'
        )
    if run.max_epochs is not None:
        shared = f'{gpus} GPUs' if gpus > 1 else '1 GPU, --gpus N for more'
        lines[0] += f' ({images} images on {shared})'
        lines[0] = f'{run.max_epochs} epochs, {lines[0]}'
    return lines + [f'warning: {plan.warning}'] if plan.warning else lines


def main() -> None:
    """Prints."""
    args = parse_args()
    notes: list[str] = []
    with one_sentence(*USER_ERRORS):
        # What libraries say on the way is no part of the config.
        with contextlib.redirect_stdout(sys.stderr):
            cfg = load_config(args.config)
            images = counter(cfg, args)
            merge_options(
                cfg,
                args.cfg_options,
                lambda: notes.extend(
                    averaging.change_averaging(cfg, args, images, args.gpus)
                ),
            )
        if not args.plan_only:
            print(cfg.pretty_text)
        with contextlib.redirect_stdout(sys.stderr):
            notes += explain(cfg, images, args.gpus)
        print(*(f'# {line}' for line in notes), sep='\n')


if __name__ == '__main__':
    main()
