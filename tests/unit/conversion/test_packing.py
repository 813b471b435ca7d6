"""The content of a converted checkpoint."""

import pytest
import torch

from tests.helpers.exact import assert_same
from tests.helpers.old_checkpoints import (
    parameters_of,
    save_old,
    two_models,
    weights_of,
)


def test_the_config_in_a_checkpoint_never_runs(tmp_path, convert):
    """Mmengine would run it when it resumes the checkpoint."""
    trace = tmp_path / 'trace'
    text = f'import os\nos.system("touch {trace}")\n'
    old = save_old(tmp_path / 'a.pth', *two_models(), config=text)
    path, said = convert(old)
    assert not trace.exists()
    assert 'config' not in torch.load(path)['meta']
    assert 'meta/config, a program' in said


def test_parts_of_large_tensors_are_copied(tmp_path, convert):
    large = torch.randn(100_000)
    state = {'a': large[:3], 'b': large[3:6].view(3), 'ema_a': large[6:9]}
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    path, _ = convert(tmp_path / 'a.pth')
    assert path.stat().st_size < 20_000
    assert_same(weights_of(path)['b'], large[3:6])


@pytest.mark.parametrize('export', [(), ('--export', 'average')])
def test_versions_of_modules_are_kept(export, tmp_path, convert):
    """Libraries go by them when they rename what they load."""
    average, origin = two_models()
    averaged = torch.optim.swa_utils.AveragedModel(average)
    torch.save(averaged.state_dict(), tmp_path / 'a.pth')
    for old in (
        save_old(tmp_path / 'b.pth', average, origin),
        tmp_path / 'a.pth',
    ):
        path, _ = convert(old, 'c.pth', *export, '--force')
        state = torch.load(path)['state_dict']
        assert state._metadata == average.state_dict()._metadata


def test_equal_weights_are_stored_once(tmp_path, convert):
    _, origin = two_models()
    old = save_old(tmp_path / 'a.pth', origin, origin)
    path, _ = convert(old)
    read = torch.load(path)
    for key, value in read['state_dict'].items():
        other = read['ema_state_dict'][f'module.{key}']
        assert other.data_ptr() == value.data_ptr(), key


@pytest.mark.parametrize('ending', ['pth', 'safetensors'])
@pytest.mark.parametrize('which', ['average', 'origin'])
def test_weights_alone(which, ending, tmp_path, convert):
    average, origin = two_models()
    old = save_old(tmp_path / 'a.pth', average, origin, CLASSES=('no', 'yes'))
    path, _ = convert(old, f'm.{ending}', '--export', which)
    model = average if which == 'average' else origin
    if ending == 'pth':
        read = torch.load(path, weights_only=True)
        assert set(read) == {'meta', 'state_dict'}
        assert read['meta'] == dict(
            dataset_meta=dict(classes=('no', 'yes')), epoch=2, iter=12
        )
        state = read['state_dict']
    else:
        state = pytest.importorskip('safetensors.torch').load_file(path)
    for key, value in parameters_of(model).items():
        assert torch.equal(state[key], value), key
    assert set(state) == set(model.state_dict())
