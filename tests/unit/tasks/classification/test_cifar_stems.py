"""Backbones of mmpretrain with a stem that keeps the resolution."""

import pytest
import torch
from torch import nn

pytest.importorskip('mmpretrain')

from mmpretrain.models import ConvNeXt, DenseNet, ResNeXt  # noqa: E402

from sema_mm.tasks.classification import (  # noqa: E402
    ConvNeXt_CIFAR,
    DenseNet_CIFAR,
    ResNeXt_CIFAR,
)

SMALL_RESNEXT = {
    'depth': 50,
    'stem_channels': 16,
    'base_channels': 16,
    'groups': 4,
}
SMALL_DENSE = {'growth_rate': 8, 'depths': [2, 2, 2, 2], 'init_channels': 16}
SMALL_NEXT = {'depths': [1, 1, 1, 1], 'channels': [8, 16, 32, 64]}
CASES = {
    'resnext': (ResNeXt_CIFAR, ResNeXt, SMALL_RESNEXT),
    'densenet': (DenseNet_CIFAR, DenseNet, dict(arch=SMALL_DENSE)),
    'convnext': (ConvNeXt_CIFAR, ConvNeXt, dict(arch=SMALL_NEXT)),
}
STEMS = ('conv1.', 'bn1.', 'stem.', 'downsample_layers.0.')


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def shapes(model):
    """Return the shapes of all tensors that are not in the stem."""
    return {
        name: tuple(value.shape)
        for name, value in model.state_dict().items()
        if not name.startswith(STEMS)
    }


def test_only_the_stem_differs_from_mmpretrain(case):
    ours, theirs, options = case
    assert shapes(ours(**options)) == shapes(theirs(**options))


def test_first_convolution_keeps_the_resolution(case):
    ours, _, options = case
    first = next(m for m in ours(**options).modules() if type(m) is nn.Conv2d)
    assert first.in_channels == 3
    assert (first.kernel_size, first.stride) == ((3, 3), (1, 1))
    assert first.padding == (1, 1)


def test_sizes_of_the_stages(case):
    ours, _, options = case
    if ours is ConvNeXt_CIFAR:
        options = {**options, 'gap_before_final_norm': False}
    model = ours(**options, out_indices=[0, 1, 2, 3])
    features = model(torch.rand(2, 3, 32, 32))
    sizes = [tuple(f.shape[2:]) for f in features]
    # mmpretrain's DenseNet returns a stage after its transition
    widths = [16, 8, 4, 4] if ours is DenseNet_CIFAR else [32, 16, 8, 4]
    assert sizes == [(width, width) for width in widths]


def test_gradients_reach_every_parameter(case):
    ours, _, options = case
    model = ours(**options)
    model.init_weights()
    model(torch.rand(2, 3, 32, 32))[0].square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert next(model.parameters()).grad.abs().sum() > 0


def test_norms_of_the_stems():
    convnext = ConvNeXt_CIFAR(SMALL_NEXT).downsample_layers[0]
    assert convnext[1].normalized_shape == (8,)
    # the layers of a dense block begin with a norm of their own
    assert isinstance(DenseNet_CIFAR(SMALL_DENSE).stem, nn.Conv2d)
    assert ResNeXt_CIFAR(**SMALL_RESNEXT).norm1.num_features == 16


def test_densenet_starts_as_in_its_paper():
    torch.manual_seed(0)
    model = DenseNet_CIFAR(SMALL_DENSE)
    model.init_weights()
    std = model.stages[3].block[1].conv1.weight.std().item()
    assert std == pytest.approx((2 / 32) ** 0.5, rel=0.1)


@pytest.mark.parametrize(
    'build, name',
    [
        (lambda: ConvNeXt_CIFAR('tiny', stem_patch_size=4), 'stem_patch_size'),
        (lambda: DenseNet_CIFAR('121', growth=8), 'growth'),
        (lambda: ResNeXt_CIFAR(50, width=8), 'width'),
    ],
    ids=['convnext', 'densenet', 'resnext'],
)
def test_a_mistyped_argument_is_refused(build, name):
    with pytest.raises(TypeError, match=name):
        build()
