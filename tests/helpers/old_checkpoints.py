"""Checkpoints as mmcv 1.x and other libraries lay them out."""

import copy

import torch
from mmengine.registry import MODELS, DefaultScope

from tests.helpers.toy import ToyModel

#: Small models: a classifier of mmpretrain, a detector of mmdet.
CLASSIFIER = dict(
    type='mmpretrain.ImageClassifier',
    backbone=dict(
        type='mmpretrain.ResNet_CIFAR',
        depth=18,
        stem_channels=8,
        base_channels=8,
    ),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    head=dict(type='mmpretrain.LinearClsHead', num_classes=5, in_channels=64),
)
DETECTOR = dict(
    type='RetinaNet',
    backbone=dict(type='ResNet', depth=18, stem_channels=8, base_channels=8),
    neck=dict(
        type='FPN', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=5
    ),
    bbox_head=dict(
        type='RetinaHead',
        num_classes=5,
        in_channels=16,
        feat_channels=16,
        anchor_generator=dict(
            type='AnchorGenerator',
            octave_base_scale=4,
            scales_per_octave=3,
            ratios=[0.5, 1.0, 2.0],
            strides=[8, 16, 32, 64, 128],
        ),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
    ),
    test_cfg=dict(
        nms_pre=100,
        score_thr=0.0,
        max_per_img=10,
        nms=dict(type='nms', iou_threshold=0.5),
    ),
)
MODEL_CONFIGS = dict(mmpretrain=CLASSIFIER, mmdet=DETECTOR)


def build(config, scope='mmengine'):
    """Build a model in a default scope."""
    with DefaultScope.overwrite_default_scope(scope):
        return MODELS.build(copy.deepcopy(config)).eval()


def shaken(model, seed):
    """Copy a model; all its weights and statistics get other values."""
    model = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.add_(0.1 * noise.to(tensor.dtype))
        else:
            tensor.add_(seed)
    return model


def with_buffers(plain, other, statistics=False):
    """Lay a state dict out as the hooks of mmcv 1.x do.

    The model's own names hold ``plain``; the buffers that the hook registers
    on the model hold ``other``: its parameters, and with ``statistics`` all
    of its state dict.
    """
    model = copy.deepcopy(plain)
    second = dict(
        other.state_dict() if statistics else other.named_parameters()
    )
    for name, value in second.items():
        buffer = f'ema_{name.replace(".", "_")}'
        model.register_buffer(buffer, value.detach().clone())
    return model.state_dict()


def config_text(priority=49, by_epoch=True, runner='EpochBasedRunner'):
    """Write what the config of an old run says of its hooks."""
    hook = "type='ExpMomentumEMAHook', momentum=0.0001"
    if priority is not None:
        hook += f', priority={priority!r}'
    return (
        f"runner = dict(type='{runner}', max_epochs=300)\n"
        f'checkpoint_config = dict(interval=1, by_epoch={by_epoch})\n'
        f"custom_hooks = [dict(type='YOLOXModeSwitchHook'), dict({hook})]\n"
    )


def save_old(path, average, origin, average_in='weights', **meta):
    """Save an old checkpoint of two models, and return its path."""
    pair = (average, origin)
    if average_in == 'buffers':
        pair = (origin, average)
    optimizer = torch.optim.SGD(origin.parameters(), lr=0.1, momentum=0.9)
    content = dict(
        meta=dict(dict(epoch=2, iter=12, mmcv_version='1.7.2'), **meta),
        state_dict=with_buffers(*pair),
        optimizer=optimizer.state_dict(),
    )
    torch.save(content, path)
    return path


def two_models(seed=0):
    """Build a toy model, and its average, which differs in every value."""
    torch.manual_seed(seed)
    origin = ToyModel().eval()
    return shaken(origin, 3), origin


def weights_of(path, key='state_dict'):
    """Read a checkpoint as plain torch does by default."""
    state = dict(torch.load(path, weights_only=True)[key])
    prefix = 'module.' if key == 'ema_state_dict' else ''
    return {k.removeprefix(prefix): v for k, v in state.items()}


def parameters_of(model):
    return {k: v.detach() for k, v in model.named_parameters()}


def output_of(model):
    images = torch.randn(2, 3, 64, 64, generator=torch.manual_seed(1))
    with torch.no_grad():
        return model.eval()(images)
