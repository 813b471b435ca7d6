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
    found = [piece for (piece,) in F.pieces(tensor, size=6)]
    assert all(piece.numel() <= 6 for piece in found)
    flat = torch.cat([piece.reshape(-1) for piece in found])
    assert torch.equal(flat, tensor.reshape(-1))
    for piece in found:
        piece.zero_()
    assert not tensor.any()


def test_pieces_of_other_orders_belong_together():
    first = torch.randn(4, 3, 2, 2)
    second = first.clone(memory_format=torch.channels_last)
    found = list(F.pieces(first, second, size=20))
    assert len(found) == 4
    assert all(torch.equal(*pair) for pair in found)


def test_exchange_undoes_what_an_exception_has_left():
    first = [torch.zeros(3) for _ in range(3)]
    second = [torch.ones(3), torch.ones(3), torch.ones(4)]
    with pytest.raises(RuntimeError, match='size'):
        F.exchange_(first, second)
    assert not any(map(torch.any, first))
    assert all(map(torch.all, second))


def test_reversed_lists_undo_an_exchange_of_shared_memory():
    shared = torch.tensor([3.0])
    first, second = [shared, shared], [torch.ones(1), torch.zeros(1)]
    F.exchange_(first, second)
    F.exchange_(first[::-1], second[::-1])
    assert [t.item() for t in (*first, *second)] == [3, 3, 1, 0]


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_distance_in_pieces(dtype, monkeypatch):
    values, averages = [torch.randn(7, 9).to(dtype)], [torch.randn(7, 9)]
    whole = F.relative_distance(values, averages)
    monkeypatch.setattr(F, 'PIECE', 10)
    assert F.relative_distance(values, averages) == pytest.approx(whole)


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
