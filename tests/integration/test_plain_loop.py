"""Plain loops on two ranks, without a runner."""

import functools

import pytest
import torch
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.fsdp.wrap import ModuleWrapPolicy
from torch.nn.parallel import DistributedDataParallel

from sema_mm import SwitchEMA
from tests.unit.sharding.ranks import join

STEPS = 6

pytestmark = pytest.mark.slow


def network(device='cpu'):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Sequential(nn.Linear(5, 7), nn.Tanh()), nn.Linear(7, 3)
    )
    return model.to(device)


def device_of(model):
    return next(model.parameters()).device


def fsdp1(model, use_orig_params=True):
    return FullyShardedDataParallel(
        model,
        device_id=device_of(model),
        auto_wrap_policy=ModuleWrapPolicy({nn.Sequential}),
        use_orig_params=use_orig_params,
    )


def fsdp2(model):
    for module in (model[0], model):
        fully_shard(module)
        module.set_force_sum_reduction_for_comms(True)
    return model


BACKENDS = {
    'ddp': DistributedDataParallel,
    'fsdp1': fsdp1,
    'fsdp1_flat': functools.partial(fsdp1, use_orig_params=False),
    'fsdp2': fsdp2,
}


def batches(part):
    generator = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        yield torch.randn(4, 5, generator=generator)[part]


def step(model, optimizer, batch):
    optimizer.zero_grad()
    model(batch).square().mean().backward()
    optimizer.step()


def evaluate(model, average):
    """Outputs of the average, and of the model when it is back."""
    x = torch.ones(2, 5, device=device_of(model))
    with torch.no_grad(), average.swapped(model):
        averaged = model(x).cpu()
    with torch.no_grad():
        return averaged, model(x).cpu()


ALL = slice(None)


def train(model, part=ALL):
    """Average, evaluate in the middle, and switch twice."""
    optimizer = torch.optim.SGD(model.parameters(), 0.5, momentum=0.9)
    average = SwitchEMA(model, momentum=0.3)
    outputs = []
    for number, batch in enumerate(batches(part), 1):
        batch = batch.to(device_of(model))
        step(model, optimizer, batch)
        average.update_parameters(model)
        outputs += evaluate(model, average)
        if number % 3 == 0:
            average.switch_parameters(model)
            outputs += evaluate(model, average)
    step(model, optimizer, batch)
    average.update_parameters(model)
    return average, outputs


def worker(rank, folder, size, device):
    backend = 'nccl' if device == 'cuda' else 'gloo'
    join(rank, folder, size, backend)
    left = {}
    for backend, wrap in BACKENDS.items():
        part = slice(rank, None, size)
        average, outputs = train(wrap(network(device)), part)
        parts = average.average_now().values()
        state = average.state_dict()
        other = SwitchEMA(wrap(network(device)), momentum=0.3)
        other.load_state_dict(state)
        left[backend] = dict(
            average=state,
            loaded=other.state_dict(),
            outputs=outputs,
            elements=sum(t.numel() for t in parts),
        )
    left['refused'] = refusals(average)
    torch.save(left, f'{folder}/rank{rank}.pth')
    torch.distributed.destroy_process_group()


def refusals(average):
    """What is said where averages of parts cannot be made right."""
    model = network().bfloat16()
    fully_shard(model)
    with pytest.raises(RuntimeError) as low:
        SwitchEMA(model)
    with pytest.raises(RuntimeError) as call:
        average(torch.ones(2, 5))
    return [str(low.value), str(call.value)]


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp('fsdp2')
    mp.spawn(worker, (str(folder), 2, 'cpu'), nprocs=2)
    return [torch.load(folder / f'rank{rank}.pth') for rank in (0, 1)]


@pytest.mark.parametrize('backend', BACKENDS)
def test_equals_one_process(ranks, backend):
    average, outputs = train(network())
    for left in ranks:
        for key, tensor in average.state_dict().items():
            torch.testing.assert_close(
                left[backend]['average'][key], tensor, rtol=1e-6, atol=1e-7
            )
        for found, expected in zip(left[backend]['outputs'], outputs):
            torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_the_outputs_tell_model_and_average_apart(ranks):
    averaged, own = ranks[0]['fsdp2']['outputs'][2:4]
    assert not torch.allclose(averaged, own, atol=1e-3)


@pytest.mark.parametrize('backend', BACKENDS)
def test_an_average_is_loaded_whole(ranks, backend):
    for left in ranks:
        for key, tensor in left[backend]['average'].items():
            assert torch.equal(left[backend]['loaded'][key], tensor), key


@pytest.mark.parametrize('backend', BACKENDS)
def test_what_a_rank_holds(ranks, backend):
    whole = sum(p.numel() for p in network().parameters())
    parts = [left[backend]['elements'] for left in ranks]
    if backend == 'ddp':
        assert parts == [whole, whole]
    else:
        # Flat parameters may be padded by an element.
        assert whole <= sum(parts) <= whole + 2 and max(parts) < 0.7 * whole


def test_refusals(ranks):
    low, call = ranks[0]['refused']
    assert "the shards of '0.0.weight' are in torch.bfloat16" in low
    assert 'call the model inside swapped()' in call


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
def test_one_gpu_equals_the_cpu(tmp_path):
    mp.spawn(worker, (str(tmp_path), 1, 'cuda'), nprocs=1)
    left = torch.load(tmp_path / 'rank0.pth', map_location='cpu')
    average, outputs = train(network())
    for backend in BACKENDS:
        for key, tensor in average.state_dict().items():
            for found in (left[backend]['average'], left[backend]['loaded']):
                torch.testing.assert_close(
                    found[key], tensor, rtol=1e-5, atol=1e-6
                )
        for found, expected in zip(left[backend]['outputs'], outputs):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
