import pytest
import torch

from sema_mm.averaging import functional as F


def test_lerp_keeps_the_window_exact():
    """(1 - m) * a + m * v in float32 is off by 1e-4 here; lerp is not."""
    average, value = [torch.full((4,), 3.0)], [torch.full((4,), 3.0)]
    for _ in range(5000):
        F.lerp_(average, value, 2e-4)
    assert torch.equal(average[0], value[0])


def test_lerp_casts_values():
    average = [torch.zeros(3)]
    F.lerp_(average, [torch.ones(3, dtype=torch.bfloat16)], 1e-4)
    torch.testing.assert_close(average[0], torch.full((3,), 1e-4))


@pytest.mark.parametrize('skip', [True, False])
def test_lerp_gate(skip):
    average, value = [torch.zeros(2)], [torch.tensor([float('nan'), 1.0])]
    F.lerp_(average, value, 0.5, torch.tensor(skip))
    assert torch.equal(average[0], torch.zeros(2)) is skip


def test_exchange_swaps_values_and_keeps_addresses():
    a, b = [torch.zeros(2), torch.ones(1)], [torch.ones(2), torch.zeros(1)]
    addresses = [t.data_ptr() for t in a + b]
    F.exchange_(a, b)
    assert [t.sum().item() for t in a + b] == [2, 0, 0, 1]
    assert [t.data_ptr() for t in a + b] == addresses


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
def test_all_finite_sees_one_bad_element(dtype, bad):
    tensors = [torch.randn(7, 5).to(dtype), torch.randn(3).to(dtype)]
    assert bool(F.all_finite(tensors))
    tensors[0][6, 4] = bad
    assert not bool(F.all_finite(tensors))


def test_relative_distance():
    values = [torch.tensor([3.0]), torch.tensor([4.0])]
    averages = [torch.tensor([3.0]), torch.tensor([3.0])]
    assert F.relative_distance(values, averages) == pytest.approx(0.2)
    assert F.relative_distance(values, values) == 0


def test_bit_equal_tells_zeros_apart():
    zero = torch.zeros(2)
    assert F.bit_equal(zero, torch.zeros(2))
    assert not F.bit_equal(zero, -zero)
    assert not F.bit_equal(zero, zero.double())
    nan = torch.full((2,), float('nan'))
    assert F.bit_equal(nan, nan.clone())
    assert F.bit_equal(zero.expand(3, 2).t(), torch.zeros(2, 3))
