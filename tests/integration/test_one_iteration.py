"""Every model builds, trains an iteration or more, and is switched."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from torch.overrides import TorchFunctionMode

from sema_mm import SwitchEMAHook, SwitchTargetHook
from sema_mm.config.averaging import change_averaging
from sema_mm.config.config_file import load_config
from tests.helpers import shrunken
from tests.helpers.toy import find_hook
from tests.integration.test_configs import (
    AVERAGED,
    BASELINES,
    CONFIGS,
    ROOT,
    load,
    method,
)

DIGITS = ROOT / 'configs/digits'
README = ROOT / 'configs/selfsup/README.md'
#: A config of each model; those of configs/digits train in their own tests.
SEMA = (
    'resnet18_1xb100-sema-coslr-200e_cifar100',
    'resnet50_1xb100-sema-coslr-200e_cifar100',
    'resnet101_1xb100-sema-coslr-200e_cifar100',
    'resnext50-32x4d_1xb100-sema-coslr-200e_cifar100',
    'densenet121_1xb100-sema-coslr-200e_cifar100',
    'wide-resnet28-10_1xb100-sema-coslr-200e_cifar100',
    'convnext-tiny_1xb100-sema-coslr-200e_cifar100',
    'convnext-small_1xb100-sema-coslr-200e_cifar100',
    'deit-small_1xb100-sema-coslr-200e_cifar100',
    'swin-tiny_1xb100-sema-coslr-200e_cifar100',
    'mlp-mixer-small-p16_1xb100-sema-coslr-200e_cifar100',
    'resnet18_4xb512-sema-rsb-a3-100e_in1k',
    'resnet50_4xb64-sema-coslr-100e_in1k',
    'resnet50_8xb256-sema-rsb-a2-300e_in1k',
    'resnet50_8xb256-sema-rsb-a3-100e_in1k',
    'mobilenet-v2_4xb64-sema-steplr-300e_in1k',
    'deit-tiny_8xb128-sema-coslr-300e_in1k',
    'deit-small_8xb128-sema-coslr-300e_in1k',
    'deit-base_8xb128-sema-coslr-300e_in1k',
    'swin-tiny_8xb128-sema-coslr-300e_in1k',
    'swin-small_8xb128-sema-coslr-300e_in1k',
    'swin-base_8xb128-sema-coslr-300e_in1k',
    'convnext-tiny_8xb256-sema-accum2-coslr-300e_in1k',
    'convnext-small_8xb128-sema-accum4-coslr-300e_in1k',
    'convnext-base_8xb128-sema-accum4-coslr-300e_in1k',
    'retinanet_r50_fpn_1x-sema_coco',
    'faster-rcnn_r50_fpn_1x-sema_coco',
    'yolox_s_8xb8-300e-sema_coco',
    'rtmdet_s_8xb32-300e-sema_coco',
    'mask-rcnn_r50_fpn_1x-sema_coco',
    'mask-rcnn_swin-t-p4-w7_fpn_amp-ms-crop-3x-sema_coco',
    'mask-rcnn_convnext-t-p4-w7_fpn_amp-ms-crop-3x-sema_coco',
    'cascade-mask-rcnn_r50_fpn_1x-sema_coco',
    'cascade-mask-rcnn_convnext-t-p4-w7_fpn_4conv1fc-giou_amp-ms-crop-3x-'
    'sema_coco',
    'resnet50_4xb64-sema-coslr-400e_agedb',
    'convnext-tiny_4xb64-sema-coslr-400e_agedb',
    'resnet50_4xb64-sema-coslr-200e_imdb-wiki',
    'convnext-tiny_4xb64-sema-coslr-200e_imdb-wiki',
    'resnet18_1xb100-sema-coslr-400e_rcfmnist',
    'resnet50_1xb100-sema-coslr-400e_rcfmnist',
    'convnext-tiny_1xb100-sema-coslr-400e_rcfmnist',
    'resnet18-w16_1xb100-sema-coslr-10e_rcfmnist-10k',
    'simclr_resnet18_8xb256-sema-amp-coslr-1000e_cifar100',
    'simclr_resnet50_16xb256-sema-coslr-200e_in1k',
    'simsiam_resnet18_8xb64-sema-amp-coslr-1000e_cifar100',
    'simsiam_resnet50_8xb64-sema-amp-coslr-1000e_stl10',
    'barlowtwins_resnet18_8xb256-sema-amp-coslr-1000e_cifar100',
    'barlowtwins_resnet50_8xb64-sema-accum4-coslr-200e_in1k',
    'mae_vit-small-p16_8xb128-sema-accum8-coslr-1000e_cifar100',
    'mae_vit-small-p16_8xb512-sema-amp-coslr-400e_in1k',
    'mae_vit-tiny-p2_1xb64-sema-coslr-100e_digits',
    'simmim_vit-small-p16_4xb256-sema-accum2-amp-coslr-1000e_stl10',
)
#: The same for models that hold the average themselves.
TARGET = (
    'mocov2_resnet18_4xb64-sema-coslr-1000e_cifar100',
    'mocov2_resnet50_4xb64-sema-coslr-200e_in1k',
    'byol_resnet14-w16_1xb64-sema-coslr-60e_digits',
    'byol_resnet18_8xb256-sema-accum2-amp-coslr-1000e_cifar100',
    'byol_resnet50_8xb64-sema-accum8-coslr-200e_in1k',
    'byol_resnet50_8xb256-sema-accum2-amp-coslr-1000e_stl10',
    'mocov3_vit-small-p16_8xb64-sema-accum8-coslr-1000e_cifar100',
    'mocov3_vit-small-p16_8xb256-sema-accum2-coslr-1000e_stl10',
)
EMA = (
    'resnet18_1xb100-ema-coslr-200e_cifar100',
    'mobilenet-v2_4xb64-ema-steplr-300e_in1k',
    'yolox_s_8xb8-300e-ema_coco',
    'mask-rcnn_r50_fpn_1x-ema_coco',
    'resnet50_4xb64-ema-coslr-400e_agedb',
)


class Weightless(TorchFunctionMode):
    """Lets layers build without memory and numbers for their weights.

    Unlike ``torch.device('meta')`` it leaves small tensors real, as models
    read some of them while they build.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function is torch.empty and kwargs.get('device') is None:
            kwargs['device'] = 'meta'
        return function(*args, **kwargs)


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    shrunken.write_data(root)
    return root


@pytest.mark.parametrize('name', BASELINES)
def test_every_model_builds_with_its_optimizer(name):
    cfg = Config(load(name))
    shrunken.remove_downloads(cfg)
    shrunken.use_cpu(cfg)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        with Weightless():
            model = MODELS.build(cfg.model)
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    optimized = [
        id(p) for group in wrapper.param_groups for p in group['params']
    ]
    trainable = {id(p) for p in model.parameters() if p.requires_grad}
    assert len(optimized) == len(set(optimized))
    assert trainable and trainable <= set(optimized)


def test_every_model_is_trained():
    trained = [load(name)['model'] for name in (*SEMA, *TARGET)]
    switched = [
        name
        for name in AVERAGED
        if method(name) == 'sema' and CONFIGS[name].parent != DIGITS
    ]
    lacking = [n for n in switched if load(n)['model'] not in trained]
    assert len(switched) > len(trained) and lacking == []


@pytest.mark.slow
@pytest.mark.parametrize('name', SEMA)
def test_sema_trains_and_switches(name, data, tmp_path):
    cfg = Config(load(name))
    shrunken.switch_each_epoch(cfg)
    # mmpretrain's Swin needs 7 x 7 windows in its last stage, so 224 pixels.
    divisor = 1 if name.startswith('swin') else 4
    check_switch(shrunken.shrink(cfg, data, tmp_path, divisor))


@pytest.mark.slow
@pytest.mark.parametrize('name', TARGET)
def test_a_target_is_trained_and_switched(name, data, tmp_path):
    cfg = Config(load(name))
    shrunken.switch_each_epoch(cfg)
    cfg = shrunken.shrink(cfg, data, tmp_path)
    runner, left = shrunken.train(cfg)
    losses, _ = runner.message_hub.get_scalar('train/loss').data
    assert np.isfinite(losses).all()
    assert changed(left[0], left[-1]) & names_of_trainable(runner)
    network = find_hook(runner, SwitchTargetHook).network
    assert network.updates == shrunken.STEPS * shrunken.accumulation(cfg)
    assert len(network.pairs()[0]) > 10
    prefix = f'{network.name}.module.0.'
    assert f'`{prefix}`' in README.read_text()
    names = runner.model.backbone.state_dict()
    assert {f'{prefix}{name}' for name in names} <= set(
        runner.model.state_dict()
    )
    for online, average in zip(*network.pairs()):
        assert torch.equal(online, average)
    # The recorder is last: it sees the weights before the switch.
    written = changed(left[-1], shrunken.weights(runner))
    assert written and written <= names_of_trainable(runner)
    assert all(name.startswith(('backbone.', 'neck.')) for name in written)


@pytest.mark.slow
@pytest.mark.parametrize('name', EMA)
def test_ema_trains_and_does_not_switch(name, data, tmp_path):
    cfg = shrunken.shrink(Config(load(name)), data, tmp_path)
    runner, left = check_training(cfg)
    assert find_hook(runner, SwitchEMAHook).switches == 0
    assert changed(left[-1], shrunken.weights(runner)) == set()


#: Upstream configs: the images of their training set (of COCO those without
#: objects only where the config keeps them), the processes that share them,
#: the momentum for that many steps, and the hooks that come of the flag.
#: tests/unit/config/test_averaging.py has every argument of theirs.
OURS = 'sema_mm.SwitchEMAHook'
UPSTREAM = {
    'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py': (
        (117266, 8, 0.01),
        [OURS, 'PipelineSwitchHook'],
    ),
    'mmdet::yolox/yolox_tiny_8xb8-300e_coco.py': (
        (118287, 8, 0.002),
        ['YOLOXModeSwitchHook', 'SyncNormHook', OURS],
    ),
    'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py': (
        (117266, 8, 0.001),
        [OURS],
    ),
    'mmpretrain::convnext/convnext-tiny_32xb128_in1k.py': (
        (1281167, 32, 0.01),
        [OURS],
    ),
    'mmpretrain::resnet/resnet50_8xb32_in1k.py': (
        (1281167, 8, 0.001),
        [OURS],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize('name', UPSTREAM)
def test_upstream_trains_and_switches_with_one_flag(
    name, data, tmp_path, monkeypatch
):
    pytest.importorskip(name.partition('::')[0])
    (images, processes, momentum), hooks = UPSTREAM[name]
    cfg = load_config(name)
    change_averaging(cfg, 'sema', images=lambda: images, num_gpus=processes)
    assert [hook.type for hook in cfg.custom_hooks] == hooks
    assert cfg.custom_hooks[hooks.index(OURS)].momentum == momentum
    check_switch(shrunken.shrink(cfg, data, tmp_path))


def check_switch(cfg):
    """Train, and check that the model ends as the average."""
    runner, left = check_training(cfg)
    hook = find_hook(runner, SwitchEMAHook)
    assert hook.switches == 1
    trainable = names_of_trainable(runner)
    model, average = shrunken.weights(runner), hook.average.average_now()
    assert trainable <= set(average)
    assert changed(model, {n: average[n] for n in trainable}) == set()
    assert changed(model, left[-1])
    assert changed(model, left[0])


def check_training(cfg):
    """Train, and check the losses, the weights and their average."""
    runner, left = shrunken.train(cfg)
    losses, _ = runner.message_hub.get_scalar('train/loss').data
    assert len(losses) == shrunken.STEPS * shrunken.accumulation(cfg)
    assert np.isfinite(losses).all()
    before, first, second = left
    moved = changed(before, second)
    assert moved and moved <= names_of_trainable(runner)
    check_average(find_hook(runner, SwitchEMAHook).average, first, second)
    return runner, left


def check_average(average, first, second):
    """Compare with the average of two steps, up to float32's rounding."""
    for name, value in average.average_now().items():
        if name in first:
            one, two = first[name].double(), second[name].double()
            off = (one.lerp(two, average.momentum_at(1)) - value).abs()
            assert (off <= 2e-7 * (one.abs() + two.abs())).all(), name


def names_of_trainable(runner):
    named = runner.model.named_parameters()
    return {name for name, value in named if value.requires_grad}


def changed(one, other):
    """Return the names, known to both, whose values differ in some bit."""
    shared = one.keys() & other.keys()
    return {name for name in shared if not torch.equal(one[name], other[name])}
