"""Files from elsewhere."""

import os

import pytest
import torch
from torch import nn

from tests.helpers.old_checkpoints import (
    two_models,
    weights_of,
    with_buffers,
)
from tests.unit.checkpointing.test_safe_loading import Payload


def test_a_payload_does_not_run(tmp_path, convert):
    trace = tmp_path / 'trace'
    payload = Payload(os.system, f'touch {trace}')
    torch.save(dict(state_dict=payload), tmp_path / 'a.pth')
    sentence = convert(tmp_path / 'a.pth', code=2)
    assert 'could run code when read' in sentence
    assert not trace.exists() and not (tmp_path / 'new.pth').exists()


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'hello', 'is no checkpoint: torch.save did not'),
        (b'', 'is empty'),
        ([1, 2], 'holds a list, not a checkpoint'),
        (dict(a=1, b='x'), 'no state dict that is known here; it holds a'),
        ({}, 'it holds nothing'),
        (dict(state_dict=dict(w=torch.ones(1))), 'holds no average'),
        (nn.Linear(1, 1), 'objects other than data'),
    ],
)
def test_what_cannot_be_read(content, words, tmp_path, convert):
    path = tmp_path / 'a.pth'
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    assert words in convert(path, code=2)


def test_safetensors_are_read(tmp_path, convert):
    average, origin = two_models()
    save = pytest.importorskip('safetensors.torch').save_file
    save(with_buffers(average, origin), tmp_path / 'a.safetensors')
    path, _ = convert(tmp_path / 'a.safetensors')
    head = weights_of(path)['head.bias']
    assert torch.equal(head, average.head.bias)
