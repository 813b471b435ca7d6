"""Checkpoints of mmcv 1.x, with a second set of weights in buffers."""

import re

import pytest
import torch
from mmengine.hooks import EMAHook, Hook

from sema_mm import SwitchEMAHook
from tests.helpers.exact import assert_differ, assert_same, frozen
from tests.helpers.old_checkpoints import (
    MODEL_CONFIGS,
    build,
    output_of,
    parameters_of,
    save_old,
    shaken,
    two_models,
    weights_of,
    with_buffers,
)
from tests.helpers.toy import build_runner, find_hook


@pytest.mark.parametrize('average_in', ['weights', 'buffers'])
@pytest.mark.parametrize('library', list(MODEL_CONFIGS))
def test_outputs_are_those_of_the_average(
    library, average_in, tmp_path, convert
):
    pytest.importorskip(library)
    model = MODEL_CONFIGS[library]
    origin = build(model, library)
    average = shaken(origin, 1)
    old = save_old(tmp_path / 'a.pth', average, origin, average_in)
    path, _ = convert(old, 'new.pth', '--average-in', average_in)
    # The hook of old averaged no statistics: they are those of the live
    # model, which the checkpoint holds once.
    kept = average if average_in == 'weights' else origin
    for expected, key in (
        (average, 'state_dict'),
        (origin, 'ema_state_dict'),
    ):
        state = {**kept.state_dict(), **parameters_of(expected)}
        expected.load_state_dict(state)
        loaded = build(model, library)
        keys = loaded.load_state_dict(weights_of(path, key), strict=False)
        assert not keys.missing_keys
        assert keys.unexpected_keys in ([], ['steps'])
        assert_same(output_of(loaded), output_of(expected))
    assert_differ(output_of(origin), output_of(average))


def test_averaged_statistics(tmp_path, convert):
    """Mmdet's and SEMA's hooks swap the whole state dict."""
    average, origin = two_models()
    state = with_buffers(average, origin, statistics=True)
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    path, text = convert(tmp_path / 'a.pth')
    found = weights_of(path)
    # They exchange counters too, which nobody averages.
    counter = 'bn.num_batches_tracked'
    expected = dict(average.state_dict())
    expected[counter] = origin.state_dict()[counter]
    assert_same(found, expected)
    origins = weights_of(path, 'ema_state_dict')
    assert origins.pop('steps') == 1
    assert_same(origins, dict(origin.state_dict()))
    assert re.search(r'averaged +8\n +copied +1\n', text)
    assert 'unknown: 1 is noted' in text


def test_names_that_cannot_be_told_apart(tmp_path, convert):
    state = {
        'a.b_c': torch.ones(2),
        'a_b.c': torch.ones(2) * 2,
        'd.e': torch.ones(3),
        'd_e': torch.ones(4),
        'ema_a_b_c': torch.zeros(2),
        'ema_d_e': torch.zeros(4),
        'ema_gone': torch.zeros(1),
    }
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    path, text = convert(tmp_path / 'a.pth')
    assert 'ema_a_b_c: may belong to a.b_c and a_b.c' in text
    assert 'ema_gone: no weight of that name and shape' in text
    assert re.search(r'unmatched +2\n', text)
    kept = set(state) - {'ema_d_e'}
    assert set(weights_of(path)) == kept
    origin = weights_of(path, 'ema_state_dict')
    assert_same(origin['d_e'], torch.zeros(4))
    assert_same(origin['a.b_c'], torch.ones(2))


def test_a_weight_without_an_average_is_listed(tmp_path, convert):
    average, origin = two_models()
    state = with_buffers(average, origin)
    del state['ema_head_bias']
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    _, text = convert(tmp_path / 'a.pth')
    assert text.count('head.bias') == 1
    assert 'without an average:\n    head.bias\n' in text


@pytest.mark.parametrize('kind', [SwitchEMAHook, EMAHook])
def test_resume(kind, tmp_path, convert):
    """Training goes on from the origin, averaging from the average."""
    average, origin = two_models()
    old = save_old(tmp_path / 'epoch_2.pth', average, origin)
    path, _ = convert(old)
    files = [torch.load(file)['optimizer'] for file in (old, path)]
    assert_same(*files)
    notes = Notes(kind)
    runner = build_runner(
        tmp_path / 'run',
        [dict(type=kind, momentum=0.2), notes],
        load_from=str(path),
        resume=True,
    )
    runner.train()
    assert_same(notes.model, parameters_of(origin))
    found = {k: notes.average[f'module.{k}'] for k in notes.model}
    assert_same(found, parameters_of(average))
    assert notes.average['steps'] == 12 and notes.epoch == 2
    assert average_of(runner, kind).steps == 18 and runner.epoch == 3


class Notes(Hook):
    """Keeps what model and average are as training starts."""

    priority = 'LOWEST'

    def __init__(self, kind):
        self.kind = kind

    def before_train(self, runner):
        self.model = frozen(parameters_of(runner.model))
        self.average = frozen(dict(average_of(runner, self.kind).state_dict()))
        self.epoch = runner.epoch


def average_of(runner, kind):
    """Return the averaged model of either hook."""
    hook = find_hook(runner, kind)
    return hook.average if kind is SwitchEMAHook else hook.ema_model
