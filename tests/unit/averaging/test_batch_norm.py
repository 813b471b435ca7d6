import torch
from torch import nn

from sema_mm.averaging.batch_norm import estimate_statistics, has_batch_norm


class Frozen(nn.Module):
    """A normalised layer that stays in evaluation mode, as in mmdet."""

    def __init__(self):
        super().__init__()
        self.free = nn.BatchNorm1d(3)
        self.kept = nn.BatchNorm1d(3)
        self.calls = 0
        self.register_buffer('queue', torch.zeros(1))

    def train(self, mode=True):
        super().train(mode)
        self.kept.eval()
        return self

    def forward(self, x):
        self.queue += 1
        return self.kept(self.free(x))


def test_it_agrees_with_torchs_update_bn():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    batches = [torch.randn(8, 3) * 3 + 1 for _ in range(5)]
    before = {k: v.clone() for k, v in model.state_dict().items()}
    found = estimate_statistics(model.eval(), batches, model)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert not model.training and model[1].momentum == 0.1
    torch.optim.swa_utils.update_bn(batches, model)
    assert found.keys() == {'1.running_mean', '1.running_var'}
    for name, value in found.items():
        assert torch.equal(value, model.state_dict()[name])


def test_layers_kept_in_evaluation_mode_and_buffers_are_left_alone():
    model = Frozen().train()
    found = estimate_statistics(model, [torch.randn(8, 3)], model)
    assert found.keys() == {'free.running_mean', 'free.running_var'}
    assert model.queue.item() == 0
    assert model.free.num_batches_tracked == 0
    assert model.free.training and not model.kept.training


def test_the_model_comes_back_after_an_exception():
    model = Frozen().eval()

    def fail(batch):
        model(batch)
        raise ZeroDivisionError

    try:
        estimate_statistics(model, [torch.randn(8, 3)], fail)
    except ZeroDivisionError:
        pass
    assert model.queue.item() == 0 and not model.training
    assert torch.equal(model.free.running_mean, torch.zeros(3))
    assert model.free.momentum == 0.1


def test_has_batch_norm():
    assert has_batch_norm(nn.Sequential(nn.BatchNorm2d(1)))
    assert not has_batch_norm(nn.Sequential(nn.LayerNorm(1)))
    assert not has_batch_norm(nn.BatchNorm2d(1, track_running_stats=False))
