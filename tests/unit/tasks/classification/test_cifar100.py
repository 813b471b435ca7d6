"""The networks of configs/classification/cifar100, and their schedules.

The counts are not read from our networks: those of ImageNet are published,
and what a CIFAR network has otherwise is added up here.
"""

import math
import re

import mmengine
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope

from tests.helpers.tool_runs import ROOT

pytest.importorskip('mmpretrain')

from mmpretrain.registry import MODELS, TRANSFORMS  # noqa: E402
from mmpretrain.structures import DataSample  # noqa: E402

FOLDER = ROOT / 'configs/classification/cifar100'
TAIL = '_1xb100-coslr-200e_cifar100'
NAMES = sorted(path.stem[: -len(TAIL)] for path in FOLDER.glob(f'*{TAIL}.py'))
PATCHES = {'deit-small', 'swin-tiny', 'mlp-mixer-small-p16'}

#: Millions of parameters, as the authors' configs note them.
AUTHORS = {
    'wide-resnet28-10': 36.55,
    'resnext50-32x4d': 23.18,
    'resnet101': 42.7,
    'swin-tiny': 27.6,
    'mlp-mixer-small-p16': 18.07,
}


def convolution(before, after, size, bias=False):
    return after * (before * size * size + bias)


def from_imagenet(published, width, old_stem=0, new_stem=0):
    """Exchange 1,000 classes for 100, and the stem."""
    return published - 900 * (width + 1) - old_stem + new_stem


def wide_resnet(blocks=4, factor=10):
    """Add up WRN-28-10 with biases, from the table in arXiv 1605.07146."""
    total, before = convolution(3, 16, 3, bias=True), 16
    for width in (16 * factor, 32 * factor, 64 * factor):
        first = 2 * before + convolution(before, width, 3, bias=True)
        second = 2 * width + convolution(width, width, 3, bias=True)
        same = 2 * width + convolution(width, width, 3, bias=True)
        shortcut = convolution(before, width, 1, bias=True)
        total += first + second + shortcut + (blocks - 1) * (same + second)
        before = width
    return total + 2 * before + 100 * (before + 1)


def mixer(width=512, layers=8, tokens=196, hidden=(256, 2048)):
    """Add up Mixer-S/16, from table 1 in arXiv 2105.01601."""

    def mlp(outer, inner):
        return outer * inner + inner + inner * outer + outer

    layer = 4 * width + mlp(tokens, hidden[0]) + mlp(width, hidden[1])
    patches = convolution(3, width, 16, bias=True)
    return patches + layers * layer + 2 * width + 100 * (width + 1)


BIG, SMALL = convolution(3, 64, 7), convolution(3, 64, 3)
PATCH = convolution(3, 96, 4, bias=True), convolution(3, 96, 3, bias=True)
#: torchvision's published num_params of the ImageNet networks (weights
#: IMAGENET1K_V1), DeiT's in its repository.
COUNTS = {
    'resnet18': from_imagenet(11_689_512, 512, BIG, SMALL),
    'resnet50': from_imagenet(25_557_032, 2048, BIG, SMALL),
    'resnet101': from_imagenet(44_549_160, 2048, BIG, SMALL),
    'resnext50-32x4d': from_imagenet(25_028_904, 2048, BIG, SMALL),
    # the stem of DenseNet has a BN of 64 channels, ours has none
    'densenet121': from_imagenet(7_978_856, 1024, BIG + 128, SMALL),
    'wide-resnet28-10': wide_resnet(),
    'convnext-tiny': from_imagenet(28_589_128, 768, *PATCH),
    'convnext-small': from_imagenet(50_223_688, 768, *PATCH),
    'deit-small': from_imagenet(22_050_664, 384),
    'swin-tiny': from_imagenet(28_288_354, 768),
    'mlp-mixer-small-p16': mixer(),
}


def load(name, averaging=''):
    path = FOLDER / f'{name}{TAIL}.py'
    if averaging:
        path = path.with_name(path.name.replace('b100', f'b100-{averaging}'))
    return Config.fromfile(path)


def size(name):
    return 224 if name in PATCHES else 32


@pytest.fixture(scope='module', params=NAMES)
def network(request):
    """Build the network of a config, with its initial weights."""
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        torch.manual_seed(0)
        model = MODELS.build(load(request.param).model)
        model.init_weights()
    return request.param, model


@pytest.mark.slow
def test_number_of_parameters(network):
    name, model = network
    count = sum(value.numel() for value in model.parameters())
    assert count == COUNTS[name]
    assert all(value.requires_grad for value in model.parameters())


@pytest.mark.slow
def test_loss_and_gradients(network):
    name, model = network
    torch.manual_seed(0)
    images = torch.randn(2, 3, size(name), size(name))
    labels = [DataSample().set_gt_label(label) for label in (3, 98)]
    losses = model(images, labels, mode='loss')
    losses['loss'].backward()
    # a new network knows nothing of 100 classes
    assert losses['loss'].item() == pytest.approx(math.log(100), rel=0.15)
    grads = {key: value.grad for key, value in model.named_parameters()}
    assert [key for key, grad in grads.items() if grad is None] == []
    assert all(grad.isfinite().all() for grad in grads.values())
    model.zero_grad(set_to_none=True)


def test_all_networks_are_counted():
    assert sorted(COUNTS) == NAMES


@pytest.mark.parametrize('name', AUTHORS)
def test_counts_are_the_authors(name):
    digits = len(str(AUTHORS[name]).split('.')[1])
    assert round(COUNTS[name] / 1e6, digits) == AUTHORS[name]


def test_counts_of_the_documents():
    readme = (FOLDER / 'README.md').read_text()
    rows = re.findall(r'^\| (\S+) \| ([\d,]+) \|', readme, re.MULTILINE)
    said = {name: int(count.replace(',', '')) for name, count in rows}
    assert said == COUNTS
    for model in mmengine.load(str(FOLDER / 'metafile.yml'))['Models']:
        name = re.sub('-s?ema', '', model['Name'])[: -len(TAIL)]
        assert model['Metadata']['Parameters'] == COUNTS[name]


def rates(name, steps):
    """Run the schedules of a config with epochs of ``steps`` iterations.

    Returns:
        np.ndarray: The learning rate of each iteration, relative to its
        highest.
    """
    cfg = load(name)
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    epochs = cfg.train_cfg.max_epochs
    steppers = cfg.param_scheduler
    schedulers = [
        PARAM_SCHEDULERS.build(
            one, default_args=dict(optimizer=optimizer, epoch_length=steps)
        )
        for one in (steppers if isinstance(steppers, list) else [steppers])
    ]
    found = []
    for iteration in range(epochs * steps):
        found.append(optimizer.param_groups[0]['lr'])
        weight.grad = torch.zeros(1)
        optimizer.step()
        for one in schedulers:
            if not one.by_epoch or (iteration + 1) % steps == 0:
                one.step()
    return np.array(found)


@pytest.mark.parametrize(
    'name, smooth, warm',
    [
        ('resnet18', False, False),
        ('wide-resnet28-10', False, False),
        ('convnext-small', False, True),
        ('swin-tiny', True, True),
    ],
)
def test_learning_rate_is_the_authors(name, smooth, warm):
    steps = 10
    found = rates(name, steps)
    time = np.arange(200 * steps) / steps
    cosine = (1 + np.cos(np.pi * (time if smooth else time // 1) / 200)) / 2
    factor = np.ones_like(time)
    if warm:
        # mmengine's warm-up reaches 1 with its last iteration, one earlier
        # than the authors'.
        part = np.minimum(np.arange(200 * steps) / (5 * steps - 1), 1)
        factor = 1e-5 + (1 - 1e-5) * part
    np.testing.assert_allclose(found, cosine * factor, rtol=1e-6, atol=1e-9)


def test_decay_spares_norms_biases_and_tables():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        for name in ('convnext-tiny', 'deit-small', 'swin-tiny'):
            cfg = load(name)
            narrow(name, cfg.model.backbone)
            model = MODELS.build(cfg.model)
            optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
            groups = optimizer.param_groups
            decay = {id(g['params'][0]): g['weight_decay'] for g in groups}
            for key, value in model.named_parameters():
                matrix = key.endswith('weight') and value.dim() > 1
                assert decay[id(value)] == (0.05 if matrix else 0), key


def narrow(name, backbone):
    """Make a backbone small, with all its kinds of parameters."""
    if name == 'convnext-tiny':
        backbone.arch = dict(depths=[1] * 4, channels=[8, 8, 8, 768])
    elif name == 'deit-small':
        backbone.arch = dict(
            embed_dims=384,
            num_layers=1,
            num_heads=6,
            feedforward_channels=8,
        )
    else:
        backbone.arch = dict(
            embed_dims=96, depths=[1] * 4, num_heads=[3, 6, 12, 24]
        )
        backbone.use_abs_pos_embed = True


@pytest.mark.parametrize('name', ['resnet18', 'convnext-tiny', 'swin-tiny'])
def test_pipelines_run_on_rgb_images(name):
    np.random.seed(0)
    cfg = load(name)
    image = np.random.randint(0, 256, (32, 32, 3), dtype=np.uint8)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        for loader in (cfg.train_dataloader, cfg.val_dataloader):
            pipeline = Compose(
                [TRANSFORMS.build(step) for step in loader.dataset.pipeline]
            )
            for _ in range(30):
                packed = pipeline(dict(img=image.copy(), gt_label=1))
                shape = tuple(packed['inputs'].shape)
                assert shape == (3, size(name), size(name))
                assert packed['inputs'].dtype == torch.uint8


def test_identity_of_randaugment_changes_nothing():
    policies = load('swin-tiny').rand_augment.policies
    (identity,) = (p for p in policies if p.get('prob') == 0)
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        step = TRANSFORMS.build(identity)
    for _ in range(50):
        assert (step(dict(img=image.copy()))['img'] == image).all()


def test_command_for_the_authors_momentum():
    cfg = load('resnet18', 'sema')
    cfg.merge_from_dict({'custom_hooks.0.momentum': 0.001})
    assert cfg.custom_hooks[0].momentum == 0.001
    assert cfg.custom_hooks[0].switch_interval == 1
