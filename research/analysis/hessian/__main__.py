"""Measure how sharp the loss is around a classifier's checkpoint.

Largest eigenvalues and trace of the Hessian of the cross-entropy, and where
asked for its spectral density and the rise of the loss in a radius; see
research/analysis/README.md. Rows of quantity, at, value and standard error::

    python -m research.analysis.hessian CONFIG CHECKPOINT --out rows.csv
    python -m research.analysis.hessian CONFIG CHECKPOINT --out rows.json \
        --split val --mode train --top 5 --density 4 --radius 0.05 --sigma 0.01
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from torch.nn.functional import cross_entropy

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
from ..mean_loss import MeanLoss
from ..sharpness import average_case, worst_case
from . import spectral_density, top_eigenvalues, trace


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = parser_of_measurements(__doc__)
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument(
        '--top',
        type=int,
        default=1,
        help='number of eigenvalues, 0 for none (default: 1)',
    )
    parser.add_argument(
        '--trace',
        type=int,
        default=32,
        help='random vectors for the trace, 0 for none (default: 32)',
    )
    parser.add_argument(
        '--density',
        type=int,
        default=0,
        help='random vectors for the spectral density (default: 0, none)',
    )
    parser.add_argument(
        '--radius',
        type=float,
        nargs='+',
        default=[],
        help='radii in which to look for the largest rise of the loss',
    )
    parser.add_argument(
        '--sigma',
        type=float,
        nargs='+',
        default=[],
        help='standard deviations of random perturbations',
    )
    return parser.parse_args()


def measure(
    args: argparse.Namespace, model: Classifier, batches: Batches
) -> Iterator[tuple[str, Optional[float], float, Optional[float]]]:
    """Measure what is asked for.

    Args:
        args (argparse.Namespace): The command line.
        model (Classifier): The model.
        batches (list): Inputs and targets.

    Yields:
        tuple: The quantity, where (number of an eigenvalue from 1, point of
        the density, radius or deviation; or None), value, standard error.
    """
    about = model, cross_entropy, batches
    how: dict[str, Any] = dict(mode=args.mode, seed=args.seed)
    loss = MeanLoss(*about, mode=args.mode)
    for name, value in loss.means(
        {'loss': cross_entropy, 'accuracy': accuracy}
    ).items():
        yield name, None, value, None
    if args.top:
        found = top_eigenvalues(*about, k=args.top, **how)
        for number, value in enumerate(found, 1):
            yield 'eigenvalue', number, value, None
    if args.trace:
        yield 'trace', None, *trace(*about, samples=args.trace, **how)
    for radius in args.radius:
        rise = worst_case(*about, radius=radius, mode=args.mode)
        yield 'worst_case', radius, rise, None
    for sigma in args.sigma:
        yield 'average_case', sigma, *average_case(*about, sigma=sigma, **how)
    if args.density:
        pairs = spectral_density(*about, samples=args.density, **how)
        for at, value in zip(*(part.tolist() for part in pairs)):
            yield 'density', at, value, None


def main() -> None:
    """Measure, print and write the rows."""
    args = parse_args()
    with one_sentence(*USER_ERRORS):
        check_suffix(args.out)
        cfg = read_config(args)
        model = build_classifier(cfg)
        load_weights(model, args.checkpoint, args.weights)
        batches = read_batches(cfg, model, args)
    rows = []
    with running():
        for quantity, at, value, error in measure(args, model, batches):
            row = dict(quantity=quantity, at=at, value=value, error=error)
            rows.append(row)
            if quantity != 'density':
                where = '' if at is None else f' {at:g}'
                about = '' if error is None else f' +- {error:.3g}'
                print(f'{quantity}{where}: {value:.6g}{about}', flush=True)
    write_measurements(args, batches, rows, checkpoint=str(args.checkpoint))


if __name__ == '__main__':
    main()
