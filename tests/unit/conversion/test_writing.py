"""Files that are written whole or not at all."""

import hashlib
import os

import pytest
import torch
from torch import nn

from tests.helpers.exact import assert_same
from tests.helpers.old_checkpoints import (
    save_old,
    two_models,
)


@pytest.mark.parametrize(
    ('source', 'target', 'words'),
    [
        ('no.pth', 'b.pth', 'no.pth can not be found'),
        ('no.safetensors', 'b.pth', 'no.safetensors can not be found'),
        ('.', 'b.pth', 'is a folder'),
        ('a.pth', 'b.onnx', 'OUT must end in .pth or .pt'),
        ('a.pth', 'b.safetensors', 'holds weights alone, see --export'),
        ('a.pth', 'no/b.pth', 'there is no folder'),
        ('a.pth', 'a.pth', 'a.pth exists already'),
    ],
)
def test_wrong_paths(source, target, words, tmp_path, convert):
    save_old(tmp_path / 'a.pth', *two_models())
    before = (tmp_path / 'a.pth').read_bytes()
    assert words in convert(tmp_path / source, target, code=2)
    assert (tmp_path / 'a.pth').read_bytes() == before
    assert os.listdir(tmp_path) == ['a.pth']


def test_force_replaces(tmp_path, convert):
    save_old(tmp_path / 'a.pth', *two_models())
    path, _ = convert(tmp_path / 'a.pth', 'a.pth', '--force')
    assert 'ema_state_dict' in torch.load(path)


@pytest.mark.parametrize('force', [(), ('--force',)])
def test_a_failed_write_leaves_nothing(force, tmp_path, convert, monkeypatch):
    save_old(tmp_path / 'a.pth', *two_models())

    def fail(*args):
        raise OSError('no space left on device')

    monkeypatch.setattr(os, 'fsync', fail)
    sentence = convert(tmp_path / 'a.pth', 'b.pth', *force, code=2)
    assert 'no space left' in sentence
    assert os.listdir(tmp_path) == ['a.pth']


def test_a_file_that_appears_meanwhile_is_kept(tmp_path, convert, monkeypatch):
    save_old(tmp_path / 'a.pth', *two_models())
    other = tmp_path / 'b.pth'
    monkeypatch.setattr(os, 'fsync', lambda _: other.write_text('mine'))
    assert 'exists already' in convert(tmp_path / 'a.pth', 'b.pth', code=2)
    assert other.read_text() == 'mine'
    assert sorted(os.listdir(tmp_path)) == ['a.pth', 'b.pth']


@pytest.mark.parametrize('ending', ['pth', 'safetensors'])
def test_hash_in_the_name(ending, tmp_path, convert):
    """The same weights give the same bytes, wherever they come from."""
    old = save_old(tmp_path / 'a.pth', *two_models())
    target = f'resnet18.{ending}'
    path, _ = convert(old, target, '--export', 'average')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'resnet18-{digest[:8]}.{ending}'
    sentence = convert(old, target, '--export', 'average', code=2)
    assert f'{path} exists already' in sentence
    new, _ = convert(old, 'between.pth')
    again, _ = convert(new, target, '--export', 'average', '--force')
    assert again == path
    other, _ = convert(old, target, '--export', 'origin')
    assert other != path


def test_one_tensor_of_two_names(tmp_path, convert):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    torch.save(model.state_dict(), tmp_path / 'a.pth')
    for ending in ('pth', 'safetensors'):
        path, _ = convert(
            tmp_path / 'a.pth', f'b.{ending}', '--export', 'origin'
        )
    state = pytest.importorskip('safetensors.torch').load_file(path)
    assert_same(state, {k: v for k, v in model.state_dict().items()})
