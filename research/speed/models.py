"""The models that are averaged, each with a batch to train it on."""

import importlib
from typing import Any

import mmengine.hub
import torch
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from .rows import Subject

__all__ = [
    'CONFIGS',
    'MODELS',
    'SYNTHETIC',
    'Synthetic',
    'batch_for',
    'build',
    'cast',
    'describe',
    'trainable',
]

#: Upstream configs, of the versions in requirements/openmmlab.txt.
CONFIGS = {
    'MobileNetV2': 'mmpretrain::mobilenet_v2/mobilenet-v2_8xb32_in1k.py',
    'ResNet-50': 'mmpretrain::resnet/resnet50_8xb32_in1k.py',
    'DeiT-S': 'mmpretrain::deit/deit-small_4xb256_in1k.py',
    'ViT-B/16': ('mmpretrain::vision_transformer/vit-base-p16_64xb64_in1k.py'),
    'Swin-T': 'mmpretrain::swin_transformer/swin-tiny_16xb64_in1k.py',
    'Mask R-CNN': 'mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py',
}
SYNTHETIC = 'synthetic-5000'
MODELS = [*CONFIGS, SYNTHETIC]


class Synthetic(BaseModel):
    """Nothing but tensors of one size.

    Args:
        tensors (int): How many.
        megabytes (float): Size of all, 1e6 bytes in float32.
    """

    def __init__(self, tensors: int, megabytes: float) -> None:
        super().__init__()
        numel = max(round(megabytes * 1e6 / 4 / tensors), 1)
        self.weights = nn.ParameterList(
            torch.randn(numel) for _ in range(tensors)
        )

    def forward(self, inputs: Tensor, **kwargs: Any) -> dict[str, Tensor]:
        """Return a loss that depends on every tensor, times a factor."""
        sums = [weight.sum() for weight in self.weights]
        return {'loss': torch.stack(sums).mean() * inputs}


def build(name: str) -> nn.Module:
    """Build one of ``MODELS`` with random weights, to train on the CPU."""
    if name == SYNTHETIC:
        return Synthetic(5000, 5.0).train()
    config = mmengine.hub.get_config(CONFIGS[name])
    scope = CONFIGS[name].split('::')[0]
    init_default_scope(scope)
    registry = importlib.import_module(f'{scope}.registry').MODELS
    _strip_pretrained(config.model)
    if scope == 'mmpretrain':
        # Without mixing of images, which needs more than one of them.
        config.model.pop('train_cfg', None)
    return registry.build(config.model).train()


def batch_for(name: str, model: nn.Module) -> dict[str, Any]:
    """Return a batch of one image for a model's ``train_step``."""
    if name not in CONFIGS:
        device = next(model.parameters()).device
        return {'inputs': torch.ones((), device=device)}
    if name == 'Mask R-CNN':
        testing = importlib.import_module('mmdet.testing')
        return testing.demo_mm_inputs(
            1, [[3, 320, 320]], num_classes=80, with_mask=True
        )
    sample = importlib.import_module('mmpretrain.structures').DataSample()
    image = torch.randint(0, 256, (3, 224, 224), dtype=torch.uint8)
    return {'inputs': [image], 'data_samples': [sample.set_gt_label(1)]}


def describe(name: str, model: nn.Module) -> Subject:
    """Return the first columns of the rows of a model."""
    tensors = trainable(model)
    size = sum(t.numel() * t.element_size() for t in tensors)
    return Subject(
        tensors[0].device.type,
        str(tensors[0].dtype).replace('torch.', ''),
        name,
        len(tensors),
        size / 1e6,
    )


def cast(model: nn.Module, device: str, dtype: torch.dtype) -> nn.Module:
    """Move a model to a device and dtype, in place; cast its inputs."""

    def to_dtype(module: nn.Module, args: Any, kwargs: Any) -> Any:
        inputs = kwargs.get('inputs')
        if isinstance(inputs, Tensor):
            kwargs = {**kwargs, 'inputs': inputs.to(dtype)}
        return args, kwargs

    model = model.to(device)
    if dtype != torch.float32:
        model = model.to(dtype)
        model.register_forward_pre_hook(to_dtype, with_kwargs=True)
    return model


def trainable(model: nn.Module) -> list[Tensor]:
    """Return the trainable parameters of a model, tied ones once."""
    return [p for p in model.parameters() if p.requires_grad]


def _strip_pretrained(config: Any) -> None:
    """Drop whatever would load weights, at any depth."""
    if isinstance(config, dict):
        start = config.get('init_cfg')
        if isinstance(start, dict) and start.get('type') == 'Pretrained':
            config['init_cfg'] = None
        config.pop('pretrained', None)
        children = list(config.values())
    else:
        children = list(config) if isinstance(config, (list, tuple)) else []
    for child in children:
        _strip_pretrained(child)
