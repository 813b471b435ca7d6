"""Train the model of any mmengine config.

Examples::

    sema-mm train CONFIG
    sema-mm train CONFIG --resume
    sema-mm train CONFIG --averaging sema
    sema-mm train CONFIG --cfg-options train_cfg.max_epochs=3

CONFIG is a path, or the name of a config that an installed library brings,
such as ``mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py``.
"""

import argparse
from pathlib import Path

from mmengine.config import Config

from .. import SafeCheckpointHook
from ..config.averaging import change_averaging
from ..config.momentum_network import refuse_second_average
from .averaging import add_averaging_arguments
from .config_check import chooses
from .distributed import rank_and_world_size
from .errors import running
from .launch import add_run_arguments, make_parser, merge_common, prepare


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add_run_arguments(parser)
    add_averaging_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint, or from the last of the work_dir',
    )
    parser.add_argument(
        '--amp', action='store_true', help='train in mixed precision'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the batch size, that of one '
        'optimizer step',
    )
    return parser.parse_args()


def merge_args(cfg: Config, args: argparse.Namespace) -> None:
    """Write the arguments into the config; ``--cfg-options`` win.

    Raises:
        ValueError: If an argument does not fit the config.
    """
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.amp:
        wrapper = cfg.optim_wrapper
        kind = wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise ValueError(
                f'--amp replaces an OptimWrapper, but the config has a {kind}'
            )
        wrapper.type = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')
    scaled = cfg.get('auto_scale_lr') or {}
    if args.auto_scale_lr:
        if 'base_batch_size' not in scaled:
            raise ValueError(
                '--auto-scale-lr needs the batch size that the learning rate '
                'of the config is meant for: '
                'auto_scale_lr = dict(base_batch_size=...) in the config'
            )
        # One that is on already was divided in the run that saved it.
        divide = not scaled.get('enable')
        scaled['enable'] = True
    merge_averaging(cfg, args)
    if args.auto_scale_lr and divide:
        divide_base(cfg)


def divide_base(cfg: Config) -> None:
    """Make ``--auto-scale-lr`` count accumulated batches.

    mmengine compares ``base_batch_size`` with the images of one iteration on
    all GPUs, so it is divided by the batches of an optimizer step.
    """
    count = (cfg.get('optim_wrapper') or {}).get('accumulative_counts', 1)
    scaled = cfg.get('auto_scale_lr') or {}
    if count < 2 or not scaled.get('enable'):
        return
    total = scaled['base_batch_size']
    scaled['base_batch_size'] = total / count
    if rank_and_world_size(cfg.launcher)[0] == 0:
        print(
            f'auto_scale_lr.base_batch_size={total / count:g} for each of the '
            f'{count} batches of an optimizer step, {total} in all.'
        )


def merge_averaging(cfg: Config, args: argparse.Namespace) -> None:
    """Write ``--averaging`` and the common arguments into the config.

    Prints the resulting hooks, on rank 0.
    """
    notes: list[str] = []

    def change() -> None:
        notes.extend(
            change_averaging(
                cfg,
                args.averaging,
                args.momentum,
                args.switch_interval,
                num_gpus=rank_and_world_size(cfg.launcher)[1],
            )
        )

    merge_common(cfg, args, change)
    rank, _ = rank_and_world_size(cfg.launcher)
    if args.averaging != 'keep' and rank == 0:
        hooks = Config(dict(custom_hooks=cfg.custom_hooks))
        print(*(f'{note}.' for note in notes), hooks.pretty_text, sep='\n')


def main() -> None:
    """Train."""
    args = parse_args()
    runner = prepare(args, merge_args, 'train')
    if runner.cfg.get('resume') and starts_anew(runner.cfg):
        runner.logger.warning(
            f'There is no checkpoint in {runner.work_dir} to resume from: '
            'training starts from the beginning.'
        )
    with running():
        refuse_second_average(runner.model, args.averaging)
        for hook in runner.hooks:
            if isinstance(hook, SafeCheckpointHook):
                # FlexibleRunner loads before it calls any hook.
                hook.before_run(runner)
        runner.train()


def starts_anew(cfg: Config) -> bool:
    """Return whether a run that should resume finds no checkpoint."""
    folder = Path(cfg.work_dir)
    if cfg.get('load_from') or (folder / 'last_checkpoint').exists():
        return False
    return not (chooses(cfg) and any(folder.glob('*.pth')))


if __name__ == '__main__':
    main()
