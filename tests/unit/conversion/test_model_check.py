"""Weights compared with the model of a config."""

import re
from pathlib import Path

import pytest
import torch

from tests.helpers.old_checkpoints import (
    save_old,
    two_models,
    with_buffers,
)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'toy.py'
    path.write_text("model = dict(type='tests.helpers.toy.ToyModel')\n")
    return str(path)


def test_a_model_that_fits(config, tmp_path, convert):
    old = save_old(tmp_path / 'a.pth', *two_models())
    _, text = convert(old, 'b.pth', '--config', config)
    assert 'all 9 names' in text


def test_every_name_that_does_not_fit(config, tmp_path, convert):
    average, origin = two_models()
    state = with_buffers(average, origin)
    state['extra.weight'] = torch.ones(1)
    del state['bn.bias'], state['ema_bn_bias']
    for key in ('head.bias', 'ema_head_bias'):
        state[key] = torch.ones(7)
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    path, text = convert(
        tmp_path / 'a.pth', 'b.pth', '--config', config, code=1
    )
    assert 'missing:\n    bn.bias\n  unexpected:' in text
    assert 'unexpected:\n    extra.weight\n  of another' in text
    assert re.search(r'of another shape:\n    head.bias: .*\[7\]', text)
    assert path.exists()


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('a = 1', 'has no model'),
        ("model = dict(type='Nothing')", 'cannot be built: KeyError'),
    ],
)
def test_wrong_configs(text, words, config, tmp_path, convert):
    Path(config).write_text(text)
    old = save_old(tmp_path / 'a.pth', *two_models())
    sentence = convert(old, 'b.pth', '--config', config, code=2)
    assert words in sentence
    assert not (tmp_path / 'b.pth').exists()
