"""Two processes on a CPU."""

import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from sema_mm import SwitchEMAHook
from tests.toy import ToyModel, build_runner, find_hook


def worker(rank, folder, arguments):
    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)
    dist.init_process_group(
        'gloo', f'file://{folder}/meeting', rank=rank, world_size=2
    )
    model = ToyModel()
    wrapper = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
    )
    hook = dict(type='sema_mm.SwitchEMAHook', momentum=0.3, **arguments)
    runner = build_runner(
        folder,
        hook,
        epochs=2,
        model=model,
        launcher='pytorch',
        cfg=dict(model_wrapper_cfg=wrapper),
        env_cfg=dict(dist_cfg=dict(backend='gloo')),
    )
    runner.train()
    average = find_hook(runner, SwitchEMAHook).average
    state = {k: v.clone() for k, v in average.average_now().items()}
    torch.save(state, f'{folder}/rank{rank}.pth')
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize(
    'arguments',
    [dict(recalibrate_bn=2), dict(switch_interval=None, recalibrate_bn=2)],
    ids=str,
)
def test_ranks_hold_one_average(tmp_path, arguments):
    mp.spawn(worker, (str(tmp_path), arguments), nprocs=2)
    first, second = (
        torch.load(tmp_path / f'rank{rank}.pth') for rank in (0, 1)
    )
    assert 'bn.running_mean' in first and 'conv.weight' in first
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
    checkpoint = torch.load(tmp_path / 'epoch_2.pth', weights_only=False)
    state = checkpoint['state_dict']
    for name, tensor in first.items():
        assert torch.equal(tensor, state[name]), name
