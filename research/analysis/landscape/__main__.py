"""Follow the loss around a classifier's checkpoint, or between several.

One checkpoint: along a random, filter-normalised direction, or two with
--plane. Two: on the line between them. Three: on the plane through them. See
research/analysis/README.md. Rows of place, loss and accuracy, and a picture::

    python -m research.analysis.landscape CONFIG CHECKPOINT \
        --out rows.csv --figure slice.png
    python -m research.analysis.landscape CONFIG BASELINE EMA SEMA \
        --out rows.json --figure plane.png --mode train
"""

import argparse
from pathlib import Path
from typing import Any

from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import update_bn

from sema_mm.cli.errors import USER_ERRORS, one_sentence, running

from ..classifier import (
    Batches,
    Classifier,
    accuracy,
    build_classifier,
    check_suffix,
    load_weights,
    parser_of_measurements,
    read_batches,
    read_config,
    write_measurements,
)
from . import line, plane, slice_1d, slice_2d
from .figure import draw

#: Rows, and where the solutions are in them.
Found = tuple[list[dict[str, float]], list[tuple[float, ...]]]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = parser_of_measurements(__doc__)
    parser.add_argument(
        'checkpoints', nargs='+', type=Path, metavar='CHECKPOINT'
    )
    parser.add_argument('--figure', type=Path, metavar='FILE')
    parser.add_argument(
        '--names',
        nargs='+',
        help='what the figure calls the checkpoints (default: FOLDER/FILE)',
    )
    parser.add_argument(
        '--plane',
        action='store_true',
        help='two directions around one checkpoint',
    )
    parser.add_argument(
        '--points', type=int, default=21, help='on each axis (default: 21)'
    )
    parser.add_argument(
        '--radius',
        type=float,
        default=1.0,
        help='around one checkpoint, how far to go, in norms of the filters '
        '(default: 1)',
    )
    parser.add_argument(
        '--recalibrate',
        action='store_true',
        help='between checkpoints, estimate the running statistics of '
        'BatchNorm from the samples at each point; else they are mixed, or '
        'with --mode train those of each batch',
    )
    return parser.parse_args()


def check_arguments(args: argparse.Namespace) -> None:
    """Refuse what would be overlooked.

    Raises:
        ValueError: If arguments do not go together.
    """
    check_suffix(args.out)
    count = len(args.checkpoints)
    if count > 3:
        raise ValueError(f'{count} checkpoints are on no plane: give 1 to 3')
    if args.points < 2:
        raise ValueError(f'--points {args.points} must be at least 2')
    if args.plane and count > 1:
        raise ValueError('--plane is for one checkpoint; leave it out')
    if args.recalibrate and count == 1:
        raise ValueError('--recalibrate is for two or three checkpoints')
    if args.recalibrate and args.mode == 'train':
        raise ValueError('--recalibrate has no effect with --mode train')
    if args.names and len(args.names) != count:
        raise ValueError(f'--names needs {count} names')


def follow(
    args: argparse.Namespace,
    model: Classifier,
    states: list[dict],
    batches: Batches,
) -> Found:
    """Compute the losses.

    Args:
        args (argparse.Namespace): The command line.
        model (Classifier): Holds the weights of the last state.
        states (list[dict]): State dicts, one per checkpoint.
        batches (list): Inputs and targets.

    Returns:
        tuple: Rows of position, or of x and y, with loss and accuracy; and
        the coordinates of the solutions.
    """
    about = (model, cross_entropy, batches)
    how: dict[str, Any] = dict(
        mode=args.mode, measures=dict(accuracy=accuracy)
    )
    if len(states) == 1:
        around = slice_2d if args.plane else slice_1d
        rows = around(*about, args.radius, args.points, seed=args.seed, **how)
        return rows, [(0.0, 0.0)[: 1 + args.plane]]
    if args.recalibrate:
        inputs = [x for x, _ in batches]
        how['recalibrate'] = lambda mixed: update_bn(inputs, mixed)
    if len(states) == 2:
        steps = [i / (args.points - 1) for i in range(args.points)]
        start, end = states
        return line(*about, start, end, steps, **how), [(0.0,), (1.0,)]
    rows, places = plane(*about, states, args.points, **how)
    return rows, [*places]


def main() -> None:
    """Compute, write and draw."""
    args = parse_args()
    with one_sentence(*USER_ERRORS):
        check_arguments(args)
        cfg = read_config(args)
        model = build_classifier(cfg)
        states = []
        for path in args.checkpoints:
            load_weights(model, path, args.weights)
            state = model.state_dict()
            states.append({k: v.clone() for k, v in state.items()})
        batches = read_batches(cfg, model, args)
    with running():
        rows, places = follow(args, model, states, batches)
    checkpoints = ' '.join(map(str, args.checkpoints))
    write_measurements(args, batches, rows, checkpoints=checkpoints)
    if args.figure:
        names = args.names or [
            f'{path.parent.name}/{path.stem}' for path in args.checkpoints
        ]
        draw(rows, dict(zip(names, places)), args.figure)


if __name__ == '__main__':
    main()
