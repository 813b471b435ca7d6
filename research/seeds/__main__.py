"""Train configs with several seeds and tabulate their validations.

Writes ``rows.csv`` (every config, seed, set of weights, epoch and metric),
``environment.json`` and ``summary.md`` into a folder. What has its rows there
is not trained again, so that the same command goes on after an
interruption::

    python -m research.seeds CONFIG... --out FOLDER --metrics coco/bbox_mAP
"""

import argparse
import concurrent.futures
import os
import shlex
import signal
import sys
from pathlib import Path

from mmengine.config import Config
from rich.console import Console

from research.common.environment import describe_environment, write_environment
from research.common.rows import append_rows, read_rows
from research.common.training_runs import (
    TrainingFailed,
    read_validations,
    run_training,
)
from sema_mm.config.hooks import ConfigHooks, HookRole

from .rows import Row, flatten
from .summary import summarise


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('configs', nargs='+', type=Path, metavar='CONFIG')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--out', type=Path, required=True, metavar='FOLDER')
    parser.add_argument(
        '--metrics',
        nargs='+',
        required=True,
        help='what the summary shows; a run is validated where it has the '
        'first of them',
    )
    parser.add_argument('--title', default='Averaging over seeds')
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time')
    parser.add_argument('--work-dir', type=Path, default='work_dirs/seeds')
    args = parser.parse_args()
    for config in args.configs:
        if not config.is_file():
            parser.error(f'there is no config {config}')
    return args


def run(config: Path, seed: int, args: argparse.Namespace) -> list[Row]:
    """Train one config with one seed."""
    folder = args.work_dir / config.stem / f'seed{seed}'
    run_training(config, folder, [f'randomness.seed={seed}'])
    validations = read_validations(folder, args.metrics[0])
    averaged = evaluates_average(config)
    return list(flatten(config.stem, seed, validations, averaged))


def evaluates_average(config: Path) -> bool:
    """Tell whether the validations of a config are of an average.

    Returns:
        bool: Whether a hook puts one into the model to validate it.
    """
    return any(
        hook.config.get('evaluate_on_target', False)
        if hook.role is HookRole.SWITCH_TARGET
        else hook.config.get('evaluate_on_ema', True)
        for hook in ConfigHooks(Config.fromfile(config)).averaging
    )


def run_missing(
    args: argparse.Namespace, rows: list[Row], console: Console
) -> bool:
    """Train what has no rows yet.

    Args:
        args (argparse.Namespace): The command line.
        rows (list[Row]): The rows so far.
        console (Console): Where each run is reported.

    Returns:
        bool: Whether all of them have succeeded.
    """
    file = args.out / 'rows.csv'
    done = {(row.config, row.seed) for row in rows}
    wanted = [(c, s) for s in args.seeds for c in args.configs]
    missing = [(c, s) for c, s in wanted if (c.stem, s) not in done]
    good = True
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = {pool.submit(run, c, s, args): (c, s) for c, s in missing}
        for ended in concurrent.futures.as_completed(runs):
            config, seed = runs[ended]
            try:
                append_rows(file, ended.result())
                console.print(f'{config.stem}, seed {seed}: done')
            except TrainingFailed as error:
                good = False
                console.print(error.output, markup=False, highlight=False)
                console.print(f'{config.stem}, seed {seed}: {error}')
    return good


def main() -> None:
    """Train and tabulate."""
    args = parse_args()
    # Exits at once: the runs die with this process's group.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(1))
    try:
        rows = read_rows(args.out / 'rows.csv', Row)
    except ValueError as error:
        sys.exit(f'error: {error}.')
    args.out.mkdir(parents=True, exist_ok=True)
    words = ['python -m research.seeds', *map(shlex.quote, sys.argv[1:])]
    command = ' \\\n    '.join(words)
    if not (args.out / 'environment.json').exists():
        found = describe_environment(command, 'none')
        found.update(jobs=args.jobs, threads_per_run=1)
        write_environment(args.out, found)
    good = run_missing(args, rows, Console())
    rows = read_rows(args.out / 'rows.csv', Row)
    text = summarise(rows, args.metrics, args.title, command)
    (args.out / 'summary.md').write_text(text)
    sys.exit(0 if good else 'error: runs have failed; see above.')


if __name__ == '__main__':
    main()
