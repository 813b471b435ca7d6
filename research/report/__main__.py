"""Make the report of a study: one page of HTML, Markdown and figures.

Also writes ``summary.md`` of the study anew, all from its rows::

    python -m research.report \
        research/study/results/study_fashion_mnist_cpu_202611 \
        --out research/report/results

Further folders are those of ``research.seeds``: other tasks, in a table.
"""

import argparse
import os
import sys
from pathlib import Path

from research.common.environment import command_line, read_environment
from research.common.rows import read_rows, rows_file
from research.study.figures import draw
from research.study.plan import Study
from research.study.results import Results
from research.study.rows import Row
from research.study.summary import summarise

from .content import content_of
from .others import others_table
from .page import write_pages

CONFIGS = Path(__file__).resolve().parents[1] / 'study'
DATA = {'fashion_mnist': 'Fashion-MNIST'}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('study', type=Path, help='a folder of research.study')
    parser.add_argument('others', nargs='*', type=Path, metavar='FOLDER')
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument(
        '--config',
        type=Path,
        help='of the study; by default the one of research/study with the '
        'name of its data',
    )
    args = parser.parse_args()
    for folder in (args.study, *args.others):
        if not rows_file(folder).is_file():
            parser.error(f'there is no {folder / "rows.csv"}')
    args.config = args.config or CONFIGS / f'{data_of(args.study)}.py'
    if not args.config.is_file():
        parser.error(
            f'there is no config {args.config}, which the name of '
            f'{args.study} says: name another by --config'
        )
    return args


def data_of(folder: Path) -> str:
    """Return the data of a study, such as ``fashion_mnist``, by its name."""
    return '_'.join(folder.resolve().name.split('_')[1:-2])


def build(args: argparse.Namespace) -> None:
    """Make the summary and the report.

    Raises:
        ValueError: If there are no rows.
    """
    study = Study(args.config)
    rows = read_rows(rows_file(args.study), Row)
    if not rows:
        raise ValueError(f'{rows_file(args.study)} has no rows')
    results = Results(rows, study.steps, study.settings)
    environment = read_environment(args.study) or {
        'command': '# environment.json is missing'
    }
    data = data_of(args.study)
    data = DATA.get(data, data)
    title = f'Does Switch EMA help? {data}'
    command = environment.get('command', '')
    summary = args.study / 'summary.md'
    report = os.path.relpath(args.out / 'README.md', args.study)
    summary.write_text(summarise(results, title, command, report))
    figures = draw(results, args.out)
    content = {
        **content_of(results, figures, environment, others_table(args.others)),
        'title': title,
        'data': data,
        'command': command,
        'summary': os.path.relpath(summary, args.out),
        'again': command_line('research.report'),
    }
    write_pages(content, args.out)


def main() -> None:
    """Make the report."""
    args = parse_args()
    try:
        build(args)
    except ValueError as error:
        sys.exit(f'error: {error}.')


if __name__ == '__main__':
    main()
