import pytest
import torch

from sema_mm.averaging import functional as F

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs CUDA'
)


def test_lerp_keeps_the_window_exact():
    """(1 - m) * a + m * v in float32 is off by 1e-4 here; lerp is not."""
    average, value = [torch.full((4,), 3.0)], [torch.full((4,), 3.0)]
    for _ in range(5000):
        F.lerp_(average, value, 2e-4)
    assert torch.equal(average[0], value[0])


@pytest.mark.parametrize('skip', [True, False])
def test_lerp_gate(skip):
    average, value = [torch.zeros(2)], [torch.tensor([float('nan'), 1.0])]
    F.lerp_(average, value, 0.5, torch.tensor(skip))
    assert torch.equal(average[0], torch.zeros(2)) is skip


@pytest.mark.parametrize('weight', [1e-4, 0.1, 0.49])
def test_gated_lerp_is_a_lerp(weight):
    """It rounds in another order: the last bit of the move may differ."""
    averages = [torch.randn(50, 3), torch.randn(7)]
    values = [torch.randn_like(average) for average in averages]
    expected = [average.clone() for average in averages]
    F.lerp_(expected, values, weight)
    before = [average.clone() for average in averages]
    F.gated_lerp_(averages, values, weight, torch.tensor(False))
    torch.testing.assert_close(averages, expected, rtol=2e-7, atol=2e-7)
    assert not torch.equal(averages[0], before[0])


def test_gated_lerp_keeps_bits():
    averages = [torch.randn(50, 3), torch.randn(7)]
    before = [average.clone() for average in averages]
    values = [torch.full_like(average, torch.nan) for average in averages]
    F.gated_lerp_(averages, values, 0.1, torch.tensor(True))
    assert all(map(F.bit_equal, averages, before))
    F.gated_lerp_(averages, values, 0.1, torch.tensor(False))
    assert averages[0].isnan().all()


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize('weight', [1e-4, 0.1, 0.7, 1.0])
def test_lerp_gate_on_a_gpu(weight):
    averages = [torch.randn(50, 3, device='cuda')]
    values = [torch.randn_like(averages[0])]
    expected = [averages[0].clone()]
    F.lerp_(expected, values, weight)
    skip = torch.tensor(False, device='cuda')
    F.lerp_(averages, values, weight, skip)
    torch.testing.assert_close(averages, expected, rtol=2e-7, atol=2e-7)
    values[0][3] = torch.nan
    F.lerp_(averages, values, weight, ~skip)
    torch.testing.assert_close(averages, expected, rtol=2e-7, atol=2e-7)


@pytest.mark.parametrize('shape', [(), (5,), (7, 3), (1, 50), (4, 2, 2)])
def test_pieces(shape):
    tensor = torch.randn(shape)
    found = F.pieces(tensor, 6)
    rows = tensor.numel() // shape[0] if shape else 1
    assert all(piece.numel() <= max(6, rows) for piece in found)
    assert all(piece._base is tensor for piece in found) or len(found) == 1
    flat = torch.cat([piece.reshape(-1) for piece in found])
    assert torch.equal(flat, tensor.reshape(-1))


def test_exchange_swaps_values_and_keeps_addresses():
    a, b = [torch.zeros(2), torch.ones(1)], [torch.ones(2), torch.zeros(1)]
    addresses = [t.data_ptr() for t in a + b]
    F.exchange_(a, b)
    assert [t.sum().item() for t in a + b] == [2, 0, 0, 1]
    assert [t.data_ptr() for t in a + b] == addresses


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
