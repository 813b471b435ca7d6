"""The arguments of the commands that change the averaging of a config."""

import argparse

from ..averaging.averaging_options import AveragingOptions
from ..config.averaging import METHODS

__all__ = ['add_averaging_arguments']


def add_averaging_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--averaging``, ``--momentum`` and ``--switch-interval``."""
    parser.add_argument(
        '--averaging',
        choices=METHODS,
        default='keep',
        help='replace the averaging hooks of the config by none, by plain '
        'EMA, or by Switch EMA; all other hooks stay (default: keep them)',
    )
    parser.add_argument(
        '--momentum',
        type=float,
        metavar='M',
        help='weight of the new value, 0.001 for a decay of 0.999 (default: '
        f'that of the config, or {AveragingOptions.momentum}; with sema, the '
        'next one whose window is a third of the steps between two switches)',
    )
    parser.add_argument(
        '--switch-interval',
        type=int,
        metavar='N',
        help='with sema, switch every N epochs (default: 1), or iterations '
        'where the config counts them (no default)',
    )
