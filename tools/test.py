"""Tests a checkpoint with any mmengine config.

Examples::

    python tools/test.py CONFIG CHECKPOINT
    python tools/test.py CONFIG CHECKPOINT --out metrics.json
    python tools/test.py CONFIG CHECKPOINT --out predictions.pkl
"""

import argparse

import mmengine
from launch import (
    USER_ERRORS,
    add_arguments,
    build_runner,
    check_config,
    load_config,
    merge_common,
    one_sentence,
)
from mmengine.config import Config
from mmengine.dist import is_main_process

from sema_mm.checkpoint import use_safe_loading


def parse_args() -> argparse.Namespace:
    """Reads the command line.

    Returns:
        argparse.Namespace: The arguments.
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', help='path of the config')
    parser.add_argument('checkpoint', help='path of the checkpoint')
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='write the metrics to FILE.json or the predictions to FILE.pkl',
    )
    add_arguments(parser)
    return parser.parse_args()


def merge_args(cfg: Config, args: argparse.Namespace) -> None:
    """Writes the arguments into the config; ``--cfg-options`` win.

    Args:
        cfg (Config): The config, changed in place.
        args (argparse.Namespace): The arguments.

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


def main() -> None:
    """Tests."""
    args = parse_args()
    with one_sentence(*USER_ERRORS):
        cfg = load_config(args.config)
        merge_args(cfg, args)
        check_config(cfg)
        if cfg.get('test_cfg') is None:
            raise ValueError(f'{args.config} has no test_cfg')
        use_safe_loading(cfg.work_dir)
        runner = build_runner(cfg)
    with one_sentence(ImportError):
        metrics = runner.test()
    if args.out and args.out.endswith('.json') and is_main_process():
        mmengine.dump(metrics, args.out)


if __name__ == '__main__':
    main()
