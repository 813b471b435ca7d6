"""Any config of mmpretrain or mmdet as a run of seconds on a CPU.

What is trained stays as the config has it: architecture, transforms, losses,
optimizer, schedules and hooks. Only the images are few and small.
"""

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from tests.helpers import tiny_data

BATCH = 2
IMAGES = 32
#: Optimizer steps of a run: the first makes the average, and with the second
#: it differs from the model.
STEPS = 2
#: Boxes of an image, for the losses of two-stage detectors.
SAMPLES = 16

#: Where each dataset lies below the folder of :func:`write_data`.
ROOTS = {
    'AgeDB': 'agedb',
    'CIFAR100': 'cifar100',
    'CocoDataset': 'coco',
    'IMDBWiki': 'imdb_wiki',
    'ImageNet': 'imagenet',
    'RCFMNIST': 'fashion_mnist',
    'STL10': 'stl10',
}
#: Arguments of transforms that are sizes in pixels.
SIZES = {
    'border',
    'crop_size',
    'img_scale',
    'input_size',
    'random_size_range',
    'scale',
    'scales',
    'size',
}
#: Backbones with a weight for each position of the image.
SIZED_BACKBONES = (
    'MlpMixer',
    'VisionTransformer',
    'MoCoV3ViT',
    'MAEViT',
    'sema_mm.tasks.selfsup.SimMIMViT',
)
#: Projectors wider than this are made so wide: a step of Barlow Twins' would
#: take gigabytes.
WIDTH = 256

_names = (f'shrunken_{number}' for number in itertools.count())


def write_data(root: Path) -> None:
    """Write the data of all shrunken runs."""
    tiny_data.write_cifar100(root / 'cifar100', IMAGES)
    tiny_data.write_imagenet(root / 'imagenet', IMAGES)
    tiny_data.write_coco(root / 'coco', IMAGES)
    tiny_data.write_stl10(root / 'stl10', IMAGES)
    tiny_data.write_agedb(root / 'agedb', IMAGES)
    tiny_data.write_imdb_wiki(root / 'imdb_wiki', IMAGES)
    tiny_data.write_fashion_mnist(root / 'fashion_mnist', IMAGES)


def shrink(
    cfg: Config, data: Path, work_dir: Path, divisor: int = 4
) -> Config:
    """Make a config's run tiny.

    Args:
        cfg (Config): The config; it is not changed.
        data (Path): Folder of :func:`write_data`.
        work_dir (Path): Folder of the run's log.
        divisor (int): Images are this much smaller. Defaults to 4.

    Returns:
        Config: A config with epochs of ``STEPS`` optimizer steps, without
        validation, test, checkpoints, downloads and mixed precision.
    """
    # Formatting the text for the log would take longer than the run.
    cfg = Config(copy.deepcopy(cfg.to_dict()), format_python_code=False)
    images = STEPS * accumulation(cfg) * BATCH
    _shrink_data(cfg.train_dataloader, data, images)
    _shrink_images(cfg, divisor)
    _sample_fewer(cfg)
    _narrow(cfg)
    remove_downloads(cfg)
    use_cpu(cfg)
    _keep_quiet(cfg, work_dir)
    return cfg


class Recorder(Hook):
    """Stops after the first epoch, and remembers the weights until then.

    Args:
        interval (int): Iterations of an optimizer step.

    Attributes:
        weights (list): The parameters as training begins, and as the
            optimizer left them after each of its steps.
    """

    priority = 'LOWEST'

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self.weights: list[dict[str, Tensor]] = []

    def before_train(self, runner: Any) -> None:
        self.weights.append(weights(runner))

    def after_train_iter(self, runner: Any, *args: Any, **kw: Any) -> None:
        if self.every_n_train_iters(runner, self.interval):
            self.weights.append(weights(runner))

    def after_train_epoch(self, runner: Any) -> None:
        runner.train_loop.stop_training = True


def train(cfg: Config) -> tuple[Runner, list[dict[str, Tensor]]]:
    """Train for one epoch.

    Args:
        cfg (Config): A config of :func:`shrink`.

    Returns:
        tuple: The runner; the weights as training begins, and as the
        optimizer left them after each of its steps.
    """
    recorder = Recorder(accumulation(cfg))
    runner = Runner.from_cfg(cfg)
    runner.register_hook(recorder)
    runner.train()
    return runner, recorder.weights


def weights(runner: Any) -> dict[str, Tensor]:
    """Copy the parameters of a runner's model."""
    found = runner.model.named_parameters()
    return {name: value.detach().clone() for name, value in found}


def accumulation(cfg: Config) -> int:
    """Read how many iterations an optimizer step takes."""
    return cfg.optim_wrapper.get('accumulative_counts', 1)


def switch_each_epoch(cfg: Config) -> None:
    """Let a Switch EMA config switch from the first epoch on."""
    for hook in cfg.custom_hooks:
        if hook.type in ('sema_mm.SwitchEMAHook', 'sema_mm.SwitchTargetHook'):
            hook.update(switch_interval=1, switch_begin=0, switch_end=None)


def remove_downloads(cfg: Config) -> None:
    """Let a config's model start from random weights."""
    cfg.load_from = None
    for part in _dicts(cfg.model):
        if 'Pretrained' in str(part.get('init_cfg')):
            part.init_cfg = None
        if 'pretrained' in part:
            part.pretrained = None


def use_cpu(cfg: Config) -> None:
    """Let a config train on a CPU, in one process."""
    wrapper = cfg.optim_wrapper
    if wrapper.get('type', '').endswith('AmpOptimWrapper'):
        wrapper.type = 'OptimWrapper'
    for name in ('dtype', 'loss_scale', 'use_fp64'):
        wrapper.pop(name, None)
    for part in _dicts(cfg.model):
        if part.get('type') == 'SyncBN':
            part.type = 'BN'


def _dicts(part: Any) -> Iterator[ConfigDict]:
    """Yield every dictionary in a part of a config."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        for item in part:
            yield from _dicts(item)


def _shrink_data(loader: Any, data: Path, images: int) -> None:
    loader.update(batch_size=BATCH, num_workers=0, persistent_workers=False)
    loader.pop('prefetch_factor', None)
    dataset = loader.dataset
    while 'dataset' in dataset:
        if 'times' in dataset:
            dataset.times = 1
        dataset = dataset.dataset
    kind = dataset.type.split('.')[-1]
    if kind in ROOTS:
        dataset.data_root = f'{data / ROOTS[kind]}/'
    dataset.indices = images
    if dataset.type == 'CIFAR100':
        dataset.type = 'tests.helpers.tiny_cifar.TinyCIFAR100'


def _shrink_images(cfg: Config, divisor: int) -> None:
    sized = (
        cfg.train_dataloader.dataset,
        cfg.model.get('data_preprocessor'),
        cfg.get('custom_hooks'),
    )
    for part in _dicts(sized):
        for key in part.keys() & SIZES:
            part[key] = _scaled(part[key], divisor)
    backbone = cfg.model.backbone
    if backbone.type in SIZED_BACKBONES:
        backbone.img_size = _scaled(backbone.get('img_size', 224), divisor)
    neck = cfg.model.get('neck') or {}
    if neck.get('type') == 'MAEPretrainDecoder':
        neck.num_patches = (backbone.img_size // backbone.patch_size) ** 2


def _scaled(size: Any, divisor: int) -> Any:
    """Divide sizes of 32 pixels or more, to multiples of 32."""
    if isinstance(size, (list, tuple)):
        return type(size)(_scaled(one, divisor) for one in size)
    if not isinstance(size, int) or abs(size) < 32:
        return size
    sign = 1 if size > 0 else -1
    return sign * max(round(abs(size) / divisor / 32), 1) * 32


def _narrow(cfg: Config) -> None:
    """Make wide projectors narrow."""
    for part in _dicts(cfg.model):
        for key in part.keys() & {'hid_channels', 'out_channels'}:
            if part.get('type') == 'NonLinearNeck':
                part[key] = min(part[key], WIDTH)
    neck, head = cfg.model.get('neck') or {}, cfg.model.get('head') or {}
    if head.get('type') == 'LatentCrossCorrelationHead':
        head.in_channels = neck.out_channels
    if 'predictor' in head:
        head.predictor.in_channels = neck.out_channels


def _sample_fewer(cfg: Config) -> None:
    """Let two-stage detectors learn from fewer boxes of an image."""
    for part in _dicts(cfg.model.get('train_cfg')):
        if part.get('type') == 'RandomSampler':
            part.num = SAMPLES


def _keep_quiet(cfg: Config, work_dir: Path) -> None:
    for split in ('val', 'test'):
        for part in ('cfg', 'dataloader', 'evaluator'):
            cfg[f'{split}_{part}'] = None
    cfg.default_hooks.update(checkpoint=None)
    cfg.custom_hooks = [
        hook
        for hook in cfg.get('custom_hooks') or []
        if hook.type != 'sema_mm.FirstValidationHook'
    ]
    for name in ('preemption', 'visualization'):
        cfg.default_hooks.pop(name, None)
    cfg.update(
        work_dir=str(work_dir),
        experiment_name=next(_names),
        visualizer=dict(type='Visualizer', name='shrunken', vis_backends=[]),
        resume=False,
        env_cfg=dict(),
        randomness=dict(seed=0),
        log_level='WARNING',
    )
