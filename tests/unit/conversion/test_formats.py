"""Checkpoints of other libraries."""

import argparse
import re

import pytest
import torch

from sema_mm import SwitchEMAHook
from tests.helpers.exact import assert_same, frozen
from tests.helpers.old_checkpoints import (
    save_old,
    shaken,
    two_models,
    weights_of,
)
from tests.helpers.toy import build_runner


def check_converted(path, average, origin, steps):
    assert_same(weights_of(path), dict(average.state_dict()))
    found = weights_of(path, 'ema_state_dict')
    assert found.pop('steps') == steps
    assert_same(found, dict(origin.state_dict()))


def test_timm(tmp_path, convert):
    """As timm's training script writes it, its arguments included."""
    average, origin = two_models()
    average.bn.num_batches_tracked.copy_(origin.bn.num_batches_tracked)
    content = dict(
        epoch=3,
        arch='toy',
        state_dict=origin.state_dict(),
        optimizer={},
        version=2,
        args=argparse.Namespace(model='toy', lr=0.1),
        state_dict_ema=average.state_dict(),
    )
    torch.save(content, tmp_path / 'a.pth.tar')
    path, text = convert(tmp_path / 'a.pth.tar')
    check_converted(path, average, origin, steps=1)
    assert 'timm, with' in text and 'optimizer\n' in text


def test_timm_itself(tmp_path, convert):
    utils = pytest.importorskip('timm.utils')
    average, origin = two_models()
    ema = utils.ModelEmaV3(origin, decay=0.9)
    ema.module.load_state_dict(average.state_dict())
    saver = utils.CheckpointSaver(
        origin,
        torch.optim.SGD(origin.parameters(), lr=0.1),
        args=argparse.Namespace(model='toy'),
        model_ema=ema,
        checkpoint_dir=str(tmp_path),
    )
    saver.save_checkpoint(epoch=1, metric=0.5)
    path, _ = convert(tmp_path / 'checkpoint-1.pth.tar')
    average.bn.num_batches_tracked.copy_(origin.bn.num_batches_tracked)
    check_converted(path, average, origin, steps=1)


def test_ema_pytorch(tmp_path, convert):
    average, origin = two_models()
    average.bn.num_batches_tracked.copy_(origin.bn.num_batches_tracked)
    state = {'initted': torch.tensor(True), 'step': torch.tensor(7)}
    for name, model in (('online', origin), ('ema', average)):
        for key, value in model.state_dict().items():
            state[f'{name}_model.{key}'] = value
    torch.save(dict(ema=state, epoch=1), tmp_path / 'a.pt')
    path, text = convert(tmp_path / 'a.pt')
    check_converted(path, average, origin, steps=7)
    assert re.search(r'updates +7\n', text)
    assert 'left out:\n    epoch' in text


def test_ema_pytorch_itself(tmp_path, convert):
    library = pytest.importorskip('ema_pytorch')
    _, origin = two_models()
    ema = library.EMA(origin, update_after_step=0, update_every=1)
    ema.update()
    shaken(origin, 5)
    origin.load_state_dict(shaken(origin, 5).state_dict())
    ema.update()
    torch.save(ema.state_dict(), tmp_path / 'a.pt')
    path, _ = convert(tmp_path / 'a.pt')
    found = weights_of(path)
    for key, value in ema.ema_model.named_parameters():
        assert torch.equal(found[key], value), key
        assert not torch.equal(value, origin.state_dict()[key]), key


def test_ema_pytorch_without_the_online_model(tmp_path, convert):
    average, _ = two_models()
    state = {f'ema_model.{k}': v for k, v in average.state_dict().items()}
    state.update(initted=torch.tensor(False), step=torch.tensor(0))
    torch.save(state, tmp_path / 'a.pt')
    path, text = convert(tmp_path / 'a.pt')
    assert_same(weights_of(path), dict(average.state_dict()))
    assert 'ema_state_dict' not in torch.load(path)
    assert 'average alone' in text
    assert 'averaging had not begun' in text
    sentence = convert(
        tmp_path / 'a.pt', 'b.pth', '--export', 'origin', code=2
    )
    assert 'holds no origin' in sentence


@pytest.mark.parametrize('wrapped', [False, True])
def test_torch(wrapped, tmp_path, convert):
    """As torchvision's training script writes it."""
    average, origin = two_models()
    averaged = torch.optim.swa_utils.AveragedModel(origin)
    averaged.update_parameters(origin)
    averaged.update_parameters(average)
    state = averaged.state_dict()
    if wrapped:
        state = {
            k.replace('module.', 'module.module.'): v for k, v in state.items()
        }
    content = dict(model=origin.state_dict(), model_ema=state, epoch=1)
    torch.save(content, tmp_path / 'a.pth')
    path, _ = convert(tmp_path / 'a.pth')
    found = weights_of(path)
    for key, value in averaged.module.named_parameters():
        assert torch.equal(found[key], value), key
    origins = weights_of(path, 'ema_state_dict')
    assert origins['steps'] == 2
    assert_same(origins['head.bias'], origin.head.bias.detach())


def test_mmengine(tmp_path, convert):
    """Nothing changes: EMAHook resumes the result as the original."""
    hook = dict(type='mmengine.EMAHook', momentum=0.1)
    build_runner(tmp_path / 'a', hook, epochs=2).train()
    old = tmp_path / 'a' / 'epoch_1.pth'
    path, text = convert(old)
    read = [torch.load(p, weights_only=False) for p in (old, path)]
    for key in ('state_dict', 'ema_state_dict', 'optimizer', 'meta'):
        assert_same(dict(read[0][key]), dict(read[1][key]))
    assert set(read[0]) == set(read[1])
    assert re.search(r'updates +6\n', text)
    ends = []
    for file in (old, path):
        SwitchEMAHook()  # lets mmengine read its own checkpoints
        runner = build_runner(
            tmp_path / file.stem,
            hook,
            epochs=2,
            load_from=str(file),
            resume=True,
        )
        runner.train()
        ends.append(frozen(dict(runner.model.state_dict())))
    assert_same(*ends)


def test_a_named_format_must_be_that(tmp_path, convert):
    old = save_old(tmp_path / 'a.pth', *two_models())
    sentence = convert(old, 'b.pth', '--from', 'timm', code=2)
    assert 'not of the format --from timm' in sentence
    convert(old, 'b.pth', '--from', 'mmcv')
