"""Names of older libraries."""

import json
import re
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from tests.helpers.old_checkpoints import (
    build,
    save_old,
    two_models,
    weights_of,
)

NAMES = Path(__file__).parents[2] / 'data/mmdet2_names.json'


def names_of(config, **changes):
    """Return the names in a real model of mmdet, which takes no memory."""
    pytest.importorskip('mmdet')
    cfg = Config.fromfile(
        Path(sys.modules['mmdet'].__file__).parent / '.mim/configs' / config
    )
    cfg.merge_from_dict(changes)
    with torch.device('meta'):
        return list(build(cfg.model, 'mmdet').state_dict())


@pytest.mark.parametrize('config', list(json.loads(NAMES.read_text())))
def test_old_names_of_mmdet(config, tmp_path, convert):
    """Names of mmdet 2.28.2 become those of the model that is installed."""
    case = json.loads(NAMES.read_text())[config]
    old = {name: torch.zeros(1) for name in case['old']}
    second = {f'ema_{k.replace(".", "_")}': torch.ones(1) for k in old}
    content = dict(state_dict={**old, **second}, optimizer={})
    torch.save(content, tmp_path / 'a.pth')
    path, text = convert(tmp_path / 'a.pth')
    # The optimizer numbers weights, whose order is another now.
    assert 'optimizer: the order' in text
    assert 'optimizer' not in torch.load(path)
    new = names_of(config, **case['changes'])
    ours = set(weights_of(path))
    assert ours == {n for n in new if n.split('.')[0] != 'backbone'}
    moved = len(set(old) - ours)
    assert moved and re.search(rf'renamed +{moved}\n', text)
    path, text = convert(tmp_path / 'a.pth', 'kept.pth', '--keep-names')
    assert set(weights_of(path)) == set(old)


def test_old_names_of_openmixup(tmp_path, convert):
    """The stem of its DenseNet for CIFAR is called as in ours."""
    names = ('stem.0.weight', 'transitions.0.conv.weight')
    state = {f'backbone.{name}': torch.ones(1) for name in names}
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    export = ('--export', 'origin')
    path, _ = convert(tmp_path / 'a.pth', 'new.pth', *export)
    ours = {'backbone.stem.weight', 'backbone.transitions.0.conv.weight'}
    assert set(weights_of(path)) == ours
    # mmpretrain's DenseNet has a BatchNorm in its stem, and is left alone.
    state['backbone.stem.1.weight'] = torch.ones(1)
    torch.save(dict(state_dict=state), tmp_path / 'b.pth')
    path, _ = convert(tmp_path / 'b.pth', 'new.pth', *export)
    assert set(weights_of(path)) == set(state)


def test_class_numbers_of_an_old_mmdet_are_mentioned(tmp_path, convert):
    for version, said in (('2.4.0+abc', 1), ('2.25.0', 0), ('3.1.0', 0)):
        old = save_old(
            tmp_path / 'a.pth', *two_models(), mmdet_version=version
        )
        _, text = convert(old, 'b.pth', '--force')
        assert text.count('upgrade_model_version.py') == said
