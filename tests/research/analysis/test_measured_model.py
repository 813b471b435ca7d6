"""Whatever is measured, and however it ends, the model is as it was."""

import pytest
import torch
from torch import nn

from research.analysis.hessian import spectral_density, top_eigenvalues, trace
from research.analysis.measured_model import measured_model
from research.analysis.sharpness import average_case, worst_case
from tests.helpers.dense_hessian import network

MEASUREMENTS = {
    'eigenvalues': lambda *a, **k: top_eigenvalues(*a, k=2, **k),
    'trace': lambda *a, **k: trace(*a, samples=10, **k),
    'density': lambda *a, **k: spectral_density(*a, steps=5, points=9, **k),
    'worst': lambda *a, **k: worst_case(*a, radius=0.1, steps=2, **k),
    'average': lambda *a, **k: average_case(*a, sigma=0.1, samples=2, **k),
}
MODES = ('eval', 'train')
each = pytest.mark.parametrize('name', MEASUREMENTS)
both = pytest.mark.parametrize('mode', MODES)


class Staged(nn.Module):
    """Freezes its first layer whenever it is put into training mode."""

    def __init__(self, body):
        super().__init__()
        self.body = body
        self.kept = nn.BatchNorm2d(1).double()

    def train(self, mode=True):
        super().train(mode)
        self.kept.eval()
        if mode:
            self.body[0].requires_grad_(False)
        return self

    def forward(self, x):
        return self.body(self.kept(x))


def build():
    """A model in a mixture of states, and a picture of those."""
    model, batches = network('batch norm')
    model = Staged(model).train()
    model.body[0].requires_grad_(True)
    model.body[1].weight.requires_grad_(False)
    model.body[3].eval()
    model.body[5].bias.grad = torch.ones(3).double()
    return model, batches


def state(model):
    """Bits and flags of a model, and of torch's global generator."""
    tensors = [*model.parameters(), *model.buffers()]
    return dict(
        bits=[t.detach().numpy().tobytes() for t in tensors],
        places=[t.data_ptr() for t in tensors],
        trainable=[p.requires_grad for p in model.parameters()],
        gradients=[
            None if p.grad is None else p.grad.tolist()
            for p in model.parameters()
        ],
        modes=[module.training for module in model.modules()],
        random=torch.get_rng_state().tolist(),
    )


@both
@each
def test_the_model_comes_back(name, mode):
    model, batches = build()
    before = state(model)
    MEASUREMENTS[name](model, nn.CrossEntropyLoss(), batches, mode=mode)
    assert state(model) == before


@both
@each
def test_the_model_comes_back_after_an_exception(name, mode):
    model, batches = build()
    before = state(model)
    calls = []

    def fail_late(outputs, targets):
        calls.append(1)
        if len(calls) == 5:
            raise ZeroDivisionError
        return nn.functional.cross_entropy(outputs, targets)

    with pytest.raises(ZeroDivisionError):
        MEASUREMENTS[name](model, fail_late, batches, mode=mode)
    assert state(model) == before


@pytest.mark.parametrize(
    'change',
    [
        lambda model: model.body(torch.ones(2, 1, 3, 3).double()),
        lambda model: model.eval(),
        lambda model: model.train(),
        lambda model: model.body[5].bias.data.mul_(-1).mul_(-1).add_(1e-16),
        lambda model: model.zero_grad(),
        lambda model: torch.rand(1),
    ],
)
def test_a_change_would_be_seen(change):
    model, _ = build()
    with torch.no_grad():
        model.body[5].bias.zero_()
    before = state(model)
    change(model)
    assert state(model) != before


@pytest.mark.parametrize('name', ['trace', 'density', 'average'])
def test_the_seed_and_nothing_else_decides(name):
    model, batches = build()
    loss = nn.CrossEntropyLoss()
    found = []
    for seed in (3, 3, 4):
        torch.manual_seed(len(found))
        result = MEASUREMENTS[name](model, loss, batches, seed=seed)
        found.append([torch.tensor(part).tolist() for part in result])
    assert found[0] == found[1] != found[2]


@both
def test_modes(mode):
    model, _ = build()
    with measured_model(model, mode):
        assert model.body[1].training == (mode == 'train')
        assert not model.body[3].training  # nothing is dropped
        assert not model.kept.training  # as its own train() has it
        assert model.body[0].weight.requires_grad
