"""Wide ResNet and its block."""

import math

import pytest
import torch
from torch import nn

pytest.importorskip('mmpretrain')

from sema_mm.tasks.classification import PreActBlock, WideResNet  # noqa: E402


def leaves_in_order(block, x):
    """Return the names of the parts in the order in which they run."""
    order = []
    for name, part in block.named_children():
        part.register_forward_hook(lambda *_, name=name: order.append(name))
    block(x)
    return order


def random_statistics(model):
    """Make each BN another map than the identity."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.weight, module.bias, module.running_mean):
                nn.init.normal_(value)
            nn.init.uniform_(module.running_var, 0.5, 2)
    model.eval()  # a backbone's returns None
    return model


def small(**options):
    return WideResNet(**{'depth': 10, 'widen_factor': 1, **options})


def test_norm_and_activation_come_before_each_convolution():
    x = torch.rand(2, 4, 8, 8)
    order = leaves_in_order(PreActBlock(4, 4), x)
    first = ['norm1', 'act', 'conv1']
    assert order == [*first, 'norm2', 'act', 'dropout', 'conv2']
    order = leaves_in_order(PreActBlock(4, 6, stride=2), x)
    second = ['norm2', 'act', 'dropout', 'conv2']
    assert order == ['norm1', 'act', 'shortcut', 'conv1', *second]


def test_block_is_the_formula():
    block = random_statistics(PreActBlock(4, 4))
    x = torch.randn(2, 4, 8, 8)
    inner = block.conv1(block.norm1(x).clamp(min=0))
    residual = block.conv2(block.norm2(inner).clamp(min=0))
    torch.testing.assert_close(block(x), x + residual)


@pytest.mark.parametrize('activated', [True, False])
def test_shortcut_reads_the_input_before_or_after_activation(activated):
    block = random_statistics(PreActBlock(4, 6, activated_shortcut=activated))
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 4, 8, 8)
    read = block.norm1(x).clamp(min=0) if activated else x
    torch.testing.assert_close(block(x), block.shortcut(read))


def test_only_a_change_of_stride_or_width_convolves_the_shortcut():
    assert PreActBlock(4, 4).shortcut is None
    assert PreActBlock(4, 6).shortcut.kernel_size == (1, 1)
    assert PreActBlock(4, 4, stride=2).shortcut.stride == (2, 2)


def test_dropout_is_off_unless_asked_for():
    torch.manual_seed(0)
    x = torch.rand(2, 3, 32, 32)
    calm, wild = small(), small(drop_rate=0.5)
    assert torch.equal(calm(x)[0], calm(x)[0])
    assert not torch.equal(wild(x)[0], wild(x)[0])
    wild.eval()
    assert torch.equal(wild(x)[0], wild(x)[0])


@pytest.mark.parametrize('stride, sizes', [(1, (32, 16, 8)), (2, (16, 8, 4))])
def test_shapes_of_the_stages(stride, sizes):
    model = small(widen_factor=2, first_stride=stride, out_indices=(0, 1, 2))
    features = model(torch.rand(2, 3, 32, 32))
    assert [tuple(f.shape) for f in features] == [
        (2, width, size, size) for width, size in zip((32, 64, 128), sizes)
    ]


def test_the_last_stage_ends_with_norm_and_activation():
    model = random_statistics(small(out_indices=(1, 2)))
    before, last = model(torch.randn(2, 3, 32, 32))
    assert before.min() < 0
    inner = model.norm(model.stages[2](before)).clamp(min=0)
    torch.testing.assert_close(last, inner)


def test_depth_28_is_12_blocks():
    model = WideResNet(depth=28, widen_factor=1)
    assert [len(stage) for stage in model.stages] == [4, 4, 4]
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    sizes = [conv.kernel_size for conv in convs]
    assert sizes.count((3, 3)) == 1 + 12 * 2
    # 16 channels all through the first stage need no convolution.
    assert sizes.count((1, 1)) == 2


def test_options_reach_every_block():
    model = small(
        conv_bias=True,
        norm_cfg=dict(type='BN', eps=1e-3, momentum=1e-3),
        act_cfg=dict(type='LeakyReLU', negative_slope=0.1),
        activated_shortcuts=(True, False, False),
    )
    modules = list(model.modules())
    convs = [m for m in modules if isinstance(m, nn.Conv2d)]
    norms = [m for m in modules if isinstance(m, nn.BatchNorm2d)]
    acts = [m for m in modules if isinstance(m, nn.LeakyReLU)]
    assert all(conv.bias is not None for conv in convs)
    assert {(n.eps, n.momentum) for n in norms} == {(1e-3, 1e-3)}
    assert len(acts) == 4
    assert {act.negative_slope for act in acts} == {0.1}
    firsts = [stage[0].activated_shortcut for stage in model.stages]
    assert firsts == [True, False, False]


def test_initialization_is_that_of_the_paper():
    torch.manual_seed(0)
    model = small(widen_factor=2)
    model.init_weights()
    weight = model.stages[2][0].conv2.weight
    assert weight.std().item() == pytest.approx(
        math.sqrt(2 / (9 * 128)), rel=0.02
    )
    assert torch.equal(model.norm.weight, torch.ones(128))


def test_gradients_reach_every_parameter():
    model = small()
    model(torch.rand(2, 3, 32, 32))[0].square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize(
    'options, words',
    [
        (dict(depth=18), ('depth=18', '28')),
        (dict(depth=4), ('depth=4',)),
        (dict(out_indices=(3,)), ('out_indices=(3,)',)),
        (dict(out_indices=()), ('out_indices=()',)),
        (dict(activated_shortcuts=(True,)), ('activated_shortcuts=(True,)',)),
    ],
)
def test_wrong_values_are_named(options, words):
    with pytest.raises(ValueError) as error:
        WideResNet(**options)
    assert all(word in str(error.value) for word in words)


def test_a_mistyped_argument_is_refused():
    with pytest.raises(TypeError, match='droprate'):
        small(droprate=0.1)
