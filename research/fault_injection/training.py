"""The training that is killed: small, real, and as random as possible."""

from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from sema_mm import SwitchEMAHook

__all__ = ['EPOCH', 'KINDS', 'make_config', 'train']

#: The loops and the data loaders under test.
KINDS = ('epochs', 'workers', 'iterations')
#: Iterations of an epoch: odd, so that an accumulation of two is pending when
#: it ends.
EPOCH = 9
BATCH = 32

CONFIG = 'configs/digits/resnet18-w16_1xb32-sema-coslr-15e_digits.py'
ROOT = Path(__file__).resolve().parents[2]

MODEL = dict(
    type='ImageClassifier',
    backbone=dict(
        type='sema_mm.tasks.classification.WideResNet',
        depth=10,
        widen_factor=1,
        drop_rate=0.3,
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=64,
        loss=dict(type='CrossEntropyLoss', loss_weight=1.0),
    ),
    train_cfg=dict(augments=dict(type='Mixup', alpha=0.2)),
)


def make_config(
    kind: str, epochs: int, work_dir: Path, resume: bool
) -> Config:
    """Return the config of a run: that of the digits, smaller.

    Args:
        kind (str): One of :data:`KINDS`.
        epochs (int): Its length, in epochs of :data:`EPOCH` iterations.
        work_dir (Path): Its folder.
        resume (bool): Whether to resume from the last checkpoint.

    Returns:
        Config: The config.
    """
    cfg = Config.fromfile(ROOT / CONFIG)
    cfg.model = MODEL
    cfg.work_dir = str(work_dir)
    cfg.resume = resume
    cfg.log_level = 'WARNING'
    cfg.visualizer = None
    cfg.train_dataloader.dataset.indices = BATCH * EPOCH
    cfg.val_dataloader.dataset.indices = 64
    cfg.optim_wrapper.accumulative_counts = 2
    cfg.custom_hooks[0].momentum = 0.5  # 4 or 5 steps between two switches.
    cfg.param_scheduler = dict(
        type='CosineAnnealingLR', by_epoch=False, T_max=EPOCH * epochs
    )
    cfg.default_hooks.checkpoint = dict(
        type='sema_mm.SafeCheckpointHook',
        interval=1,
        max_keep_ckpts=1,
        save_best='accuracy/top1',
    )
    cfg.train_cfg = dict(by_epoch=True, max_epochs=epochs)
    if kind == 'workers':
        cfg.train_dataloader.num_workers = 2
    if kind == 'iterations':
        _count_iterations(cfg, EPOCH * epochs)
    return cfg


def _count_iterations(cfg: Config, iterations: int) -> None:
    """Change a config to a loop by iterations."""
    step = 11  # Checkpoints fall into the middle of a pass over the data.
    cfg.train_cfg = dict(
        by_epoch=False, max_iters=iterations, val_interval=step
    )
    cfg.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=True)
    cfg.default_hooks.checkpoint.update(by_epoch=False, interval=step)
    cfg.custom_hooks[0].update(by_epoch=False, switch_interval=step)


def train(kind: str, epochs: int, work_dir: Path, resume: bool) -> dict:
    """Train as :func:`make_config` says; return the final state in memory."""
    runner = Runner.from_cfg(make_config(kind, epochs, work_dir, resume))
    runner.train()
    hook = next(h for h in runner.hooks if isinstance(h, SwitchEMAHook))
    return dict(
        model=runner.model.state_dict(),
        average=hook.average.state_dict(),
        optimizer=runner.optim_wrapper.state_dict(),
        schedulers=[one.state_dict() for one in runner.param_schedulers],
        position=[runner.epoch, runner.iter, hook.switches],
    )
