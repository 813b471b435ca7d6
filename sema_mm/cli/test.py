"""Test a checkpoint with any mmengine config.

Examples::

    sema-mm test CONFIG CHECKPOINT
    sema-mm test CONFIG CHECKPOINT --weights origin
    sema-mm test CONFIG CHECKPOINT --out metrics.json
    sema-mm test CONFIG CHECKPOINT --out predictions.pkl
"""

import argparse

import mmengine
from mmengine.config import Config
from mmengine.dist import is_main_process

from ..config.hooks import ConfigHooks
from .chosen_weights import ChosenWeights
from .errors import running
from .launch import add_run_arguments, make_parser, merge_common, prepare


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add_run_arguments(parser)
    parser.add_argument('checkpoint', help='path of the checkpoint')
    parser.add_argument(
        '--weights',
        choices=['average', 'origin'],
        default='average',
        help='of a checkpoint with an average, test that or the weights that '
        'training goes on with (default: average)',
    )
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='write the metrics to FILE.json or the predictions to FILE.pkl',
    )
    return parser.parse_args()


def merge_args(cfg: Config, args: argparse.Namespace) -> None:
    """Write the arguments into the config; ``--cfg-options`` win.

    Raises:
        ValueError: If ``--out`` is neither a .json nor a .pkl file.
    """
    cfg.resume = False
    cfg.load_from = args.checkpoint
    if args.out and not args.out.endswith(('.json', '.pkl')):
        raise ValueError(f'--out must end in .json or .pkl, not {args.out}')
    if args.out and args.out.endswith('.pkl'):
        evaluators = cfg.get('test_evaluator') or []
        if isinstance(evaluators, dict):
            evaluators = [evaluators]
        dump = dict(type='DumpResults', out_file_path=args.out)
        cfg.test_evaluator = [*evaluators, dump]
    merge_common(cfg, args)
    # Which weights are tested is said once, on the command line.
    ConfigHooks(cfg).take_out_average()


def main() -> None:
    """Test."""
    args = parse_args()
    runner = prepare(args, merge_args, 'test')
    runner.register_hook(ChosenWeights(args.weights))
    with running():
        metrics = runner.test()
    if args.out and args.out.endswith('.json') and is_main_process():
        mmengine.dump(metrics, args.out)


if __name__ == '__main__':
    main()
