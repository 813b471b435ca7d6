"""Print a config and what its run is going to do, without running it.

Examples::

    sema-mm print-config CONFIG > whole_config.py
    sema-mm print-config CONFIG --averaging sema --gpus 8
    sema-mm print-config CONFIG --dataset-length 50000 --plan-only

The whole output is a config: the plan of the switches follows in comments.
"""

import argparse
import contextlib
import functools
import sys
from collections.abc import Callable
from typing import Optional

from mmengine.config import Config

from ..config.averaging import change_averaging
from ..config.config_file import load_config
from ..config.hooks import ConfigHooks
from ..config.plan import ConfigPlan, plan_of_hooks
from ..config.run_length import count_images
from .averaging import add_averaging_arguments
from .errors import USER_ERRORS, one_sentence
from .launch import make_parser, merge_options


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add_averaging_arguments(parser)
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


def counter(cfg: Config, length: Optional[int]) -> Callable[[], int]:
    """Make a function that counts the training images, at most once."""

    @functools.cache
    def images() -> int:
        if length is not None:
            return length
        try:
            return count_images(cfg)
        except ValueError as error:
            raise ValueError(f'{error}: write --dataset-length N') from error

    return images


def explain(cfg: Config, images: Callable[[], int], gpus: int) -> list[str]:
    """Describe what a run is going to do with its averages.

    Args:
        cfg (Config): The config.
        images (callable): Counts the training images.
        gpus (int): Processes that share them.

    Returns:
        list[str]: Lines.

    Raises:
        ValueError: If the run would be refused, or go wrong silently.
    """
    hooks = ConfigHooks(cfg)
    if hooks.ours:
        return describe(plan_of_hooks(hooks, images, gpus), images, gpus)
    names = [hook.name for hook in hooks.averaging]
    if len(names) > 1:
        raise ValueError(
            f'{len(names)} hooks average the model, {" and ".join(names)}: '
            'keep one of them, or write --averaging ema'
        )
    if names:
        return [f'{names[0]} averages the weights, and never switches']
    return ['no averaging']


def describe(
    plan: ConfigPlan, images: Callable[[], int], gpus: int
) -> list[str]:
    """Describe the plan of a run with our hook, in lines."""
    run = plan.length
    iters = run.iters_per_epoch
    length = (
        f'{iters} iterations, {iters / run.accumulation:g} optimizer steps'
    )
    if run.max_epochs is None:
        lines = [f'{length} in all']
    else:
        shared = f'{gpus} GPUs' if gpus > 1 else '1 GPU, --gpus N for more'
        lines = [
            f'{run.max_epochs} epochs, {length} an epoch '
            f'({images()} images on {shared})'
        ]
    lines.append(plan.switches.describe(0))
    if plan.window is None:
        lines.append('the model averages, with a momentum of its own')
    else:
        lines.append(
            f'window of {plan.window:g} optimizer steps '
            f'(momentum={plan.hook.options.momentum:g})'
        )
    return [*lines, f'warning: {plan.warning}'] if plan.warning else lines


def main() -> None:
    """Print."""
    args = parse_args()
    notes: list[str] = []
    with one_sentence(*USER_ERRORS):
        # What libraries say on the way is no part of the config.
        with contextlib.redirect_stdout(sys.stderr):
            cfg = load_config(args.config)
            images = counter(cfg, args.dataset_length)
            merge_options(
                cfg,
                args.cfg_options,
                lambda: notes.extend(
                    change_averaging(
                        cfg,
                        args.averaging,
                        args.momentum,
                        args.switch_interval,
                        images,
                        args.gpus,
                    )
                ),
            )
        if not args.plan_only:
            print(cfg.pretty_text)
        with contextlib.redirect_stdout(sys.stderr):
            notes += explain(cfg, images, args.gpus)
        print(*(f'# {line}' for line in notes), sep='\n')


if __name__ == '__main__':
    main()
