"""FSDP2 in a plain loop, without a runner."""

import pytest
import torch
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.fsdp import fully_shard

from sema_mm import SwitchEMA
from tests.test_engines.ranks import join

STEPS = 6


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Linear(5, 7), nn.Tanh()), nn.Linear(7, 3)
    )


def shard(model):
    for module in (model[0], model):
        fully_shard(module)
        module.set_force_sum_reduction_for_comms(True)
    return model


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
    x = torch.ones(2, 5)
    with torch.no_grad(), average.swapped(model):
        averaged = model(x).clone()
    with torch.no_grad():
        return averaged, model(x).clone()


ALL = slice(None)


def train(model, part=ALL):
    """Average, evaluate in the middle, and switch twice."""
    optimizer = torch.optim.SGD(model.parameters(), 0.5, momentum=0.9)
    average = SwitchEMA(model, momentum=0.3)
    outputs = []
    for number, batch in enumerate(batches(part), 1):
        step(model, optimizer, batch)
        average.update_parameters(model)
        outputs += evaluate(model, average)
        if number % 3 == 0:
            average.switch_parameters(model)
            outputs += evaluate(model, average)
    step(model, optimizer, batch)
    average.update_parameters(model)
    return average, outputs


def worker(rank, folder):
    join(rank, folder)
    model = shard(network())
    average, outputs = train(model, slice(rank, None, 2))
    parts = average.average_now().values()
    state = average.state_dict()
    other = SwitchEMA(shard(network()), momentum=0.3)
    other.load_state_dict(state)
    left = dict(
        average=state,
        loaded=other.state_dict(),
        outputs=outputs,
        elements=sum(t.numel() for t in parts),
        refused=refusals(average),
    )
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
    mp.spawn(worker, (str(folder),), nprocs=2)
    return [torch.load(folder / f'rank{rank}.pth') for rank in (0, 1)]


@pytest.mark.slow
def test_equals_one_process(ranks):
    average, outputs = train(network())
    for left in ranks:
        for key, tensor in average.state_dict().items():
            torch.testing.assert_close(
                left['average'][key], tensor, rtol=1e-6, atol=1e-7
            )
        for found, expected in zip(left['outputs'], outputs):
            torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_the_outputs_tell_model_and_average_apart(ranks):
    averaged, own = ranks[0]['outputs'][2:4]
    assert not torch.allclose(averaged, own, atol=1e-3)


@pytest.mark.slow
def test_an_average_is_loaded_whole(ranks):
    for left in ranks:
        for key, tensor in left['average'].items():
            assert torch.equal(left['loaded'][key], tensor), key


@pytest.mark.slow
def test_a_rank_holds_its_part(ranks):
    whole = sum(p.numel() for p in network().parameters())
    parts = [left['elements'] for left in ranks]
    assert sum(parts) == whole and max(parts) < 0.7 * whole


@pytest.mark.slow
def test_refusals(ranks):
    low, call = ranks[0]['refused']
    assert "the shards of '0.0.weight' are in torch.bfloat16" in low
    assert 'call the model inside swapped()' in call
