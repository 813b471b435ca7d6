"""The Vision Transformer of SimMIM."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

pytest.importorskip('mmpretrain')

from mmpretrain.models import VisionTransformer  # noqa: E402

from sema_mm.tasks.selfsup import SimMIMViT  # noqa: E402

ARCH = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = SimMIMViT(ARCH, img_size=48)
    model.init_weights()
    model.eval()  # returns nothing, in mmpretrain
    return model


@pytest.fixture
def images():
    return torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))


def test_without_a_mask_it_is_mmpretrains(model, images):
    plain = VisionTransformer(ARCH, img_size=48, out_type='featmap')
    plain.eval()
    state = model.state_dict()
    assert set(state) - set(plain.state_dict()) == {'mask_token'}
    plain.load_state_dict(state, strict=False)
    (expected,) = plain(images)
    assert torch.equal(model(images)[0], expected)
    nothing = torch.zeros(2, 3, 3)
    torch.testing.assert_close(model(images, nothing)[0], expected)


def test_masked_patches_are_not_seen(model, images):
    mask = torch.zeros(2, 3, 3)
    mask[:, 1, 2] = 1
    changed = images.clone()
    changed[:, :, 16:32, 32:] = 0.5
    assert torch.equal(model(images, mask)[0], model(changed, mask)[0])
    assert not torch.equal(model(images)[0], model(changed)[0])


def test_the_token_learns_only_where_there_is_a_mask(model, images):
    model(images, torch.ones(2, 3, 3))[0].sum().backward()
    assert model.mask_token.abs().sum() > 0
    assert model.mask_token.grad.abs().sum() > 0
    model.zero_grad()
    model(images, torch.zeros(2, 3, 3))[0].sum().backward()
    assert model.mask_token.grad.abs().sum() == 0


def test_the_authors_size():
    with torch.device('meta'):
        model = SimMIMViT(img_size=224)
    assert (model.embed_dims, model.num_layers) == (768, 8)
    assert model.layers[0].attn.num_heads == 8


def test_what_the_recipe_decays(model):
    """Matrices and kernels alone; names are matched by their parts."""
    root = Path(__file__).resolve().parents[4]
    path = root / 'configs/selfsup/_base_/simmim_vit-small-p16.py'
    groups = Config.fromfile(path).optim_wrapper.paramwise_cfg.custom_keys
    kept = [n for n, _ in model.named_parameters() if in_none(n, groups)]
    tokens = ('cls_token', 'pos_embed', 'mask_token')
    assert kept == [
        name
        for name, parameter in model.named_parameters()
        if parameter.ndim > 1 and name not in tokens
    ]


def in_none(name, groups):
    return not any(key in name for key in groups)
