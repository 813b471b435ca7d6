"""Two processes on a CPU hold one average."""

import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.hooks import Hook

from sema_mm import SwitchEMAHook
from tests.helpers.toy import build_runner, find_hook

CASES = {
    'switch': dict(),
    'plain_ema': dict(switch_interval=None),
    'update_buffers': dict(switch_interval=None, update_buffers=True),
    'recalibrate': dict(recalibrate_bn=2),
    'recalibrate_ema': dict(switch_interval=None, recalibrate_bn=2),
    'by_iteration': dict(by_epoch=False, switch_interval=5),
}


class Poison(Hook):
    """Makes the weights of the last rank NaN after a step."""

    priority = 'HIGH'

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter == 3 and dist.get_rank() == 1:
            next(runner.model.parameters()).data.fill_(torch.nan)


def train(folder, name, hooks=(), **arguments):
    wrapper = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
    )
    hook = dict(type='sema_mm.SwitchEMAHook', momentum=0.3, **arguments)
    runner = build_runner(
        f'{folder}/{name}',
        [hook, *hooks],
        epochs=2,
        launcher='pytorch',
        cfg=dict(model_wrapper_cfg=wrapper),
        env_cfg=dict(dist_cfg=dict(backend='gloo')),
    )
    runner.train()
    return find_hook(runner, SwitchEMAHook).average.state_dict()


def worker(rank, folder):
    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)
    dist.init_process_group(
        'gloo', f'file://{folder}/meeting', rank=rank, world_size=2
    )
    left = {}
    for name, arguments in CASES.items():
        state = train(folder, name, **arguments)
        left[name] = {key: t.clone() for key, t in state.items()}
    with pytest.raises(RuntimeError) as error:
        train(folder, 'poison', [Poison()])
    left['poison'] = str(error.value)
    torch.save(left, f'{folder}/rank{rank}.pth')
    dist.destroy_process_group()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('ranks')
    mp.spawn(worker, (str(folder),), nprocs=2)
    return folder


@pytest.fixture
def ranks(folder):
    return [torch.load(folder / f'rank{rank}.pth') for rank in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize('name', CASES)
def test_ranks_hold_one_average(folder, ranks, name):
    first, second = (left[name] for left in ranks)
    assert 'module.bn.running_mean' in first
    for key, tensor in first.items():
        assert torch.equal(tensor, second[key]), key


@pytest.mark.slow
@pytest.mark.parametrize('name', CASES)
def test_the_checkpoint_holds_that_average(folder, ranks, name):
    path = folder / name / 'epoch_2.pth'
    state = torch.load(path, weights_only=False)['state_dict']
    for key, tensor in state.items():
        assert torch.equal(tensor, ranks[1][name][f'module.{key}']), key


@pytest.mark.slow
def test_a_fault_of_one_rank_stops_all(ranks):
    for left in ranks:
        assert left['poison'] == (
            'one rank has averaged 4 optimizer steps, another 3: the weights '
            'of some ranks alone were not finite; look for a fault of their '
            'machine, and resume from the last checkpoint'
        )
