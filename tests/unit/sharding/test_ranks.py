"""Two ranks train, switch, save and resume as one process does.

Every backend trains on the same global batches as one process: with a stop
and a resume in the middle, from a checkpoint of the unsharded run, and the
unsharded run from its checkpoint. There are two switches.
"""

import pytest
import torch
import torch.multiprocessing as mp

from tests.unit.sharding.ranks import (
    BACKENDS,
    EPOCHS,
    copy_start,
    train,
    worker,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ranks')
    train(folder / 'plain')
    train(folder / 'pending_plain', counts=4)
    mp.spawn(worker, (str(folder),), nprocs=2)
    for backend in BACKENDS:
        copy_start(folder / backend, folder / f'plain_from_{backend}')
        train(folder / f'plain_from_{backend}')
    return folder


def final(folder):
    path = folder / f'epoch_{EPOCHS}.pth'
    return torch.load(path, weights_only=False)


def assert_near(found, expected, tolerance):
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        assert found[key].shape == tensor.shape, key
        error = (found[key].double() - tensor.double()).abs().max()
        size = tensor.double().abs().max()
        assert error <= tolerance * size, (key, float(error / size))


@pytest.mark.parametrize('kind', ['{}', '{}_from_plain', 'plain_from_{}'])
@pytest.mark.parametrize('backend', BACKENDS)
def test_ends_like_one_process(folder, backend, kind):
    expected = final(folder / 'plain')
    found = final(folder / kind.format(backend))
    for part in ('state_dict', 'ema_state_dict'):
        theirs = {k: t.float() for k, t in expected[part].items()}
        assert_near(found[part], theirs, 1e-6)
    momentum, theirs = (
        {
            str(n): one['momentum_buffer']
            for n, one in c['optimizer']['state'].items()
        }
        for c in (found, expected)
    )
    assert_near(momentum, theirs, 1e-5)
    assert found['switch_ema'] == expected['switch_ema']
    assert expected['switch_ema']['switches'] == 2
    scores = [
        c['message_hub']['runtime_info']['best_score']
        for c in (found, expected)
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-5)


def test_pending_gradients_survive_a_stop(folder):
    """An epoch has six iterations, and an accumulation takes four."""
    expected = final(folder / 'pending_plain')['state_dict']
    found = final(folder / 'pending_fsdp2')['state_dict']
    theirs = {key: tensor.float() for key, tensor in expected.items()}
    assert_near(found, theirs, 1e-6)


def test_a_part_that_is_not_finite_stays_out(folder):
    """Each rank leaves out its own part; all count the same steps."""
    for rank in (0, 1):
        average = torch.load(folder / 'poison' / f'average{rank}.pth')
        assert average['steps'] == 24
        for key, tensor in average.items():
            if 'running' not in key:
                assert tensor.isfinite().all(), key
    assert not (folder / 'poison' / f'epoch_{EPOCHS}.pth').exists()


@pytest.mark.parametrize('backend', BACKENDS)
def test_the_ranks_hold_one_average(folder, backend):
    first, second = (
        torch.load(folder / backend / f'average{rank}.pth') for rank in (0, 1)
    )
    assert first.keys() == second.keys()
    for key, tensor in first.items():
        assert torch.equal(tensor, second[key]), key
