import pytest
import torch

from sema_mm.averaging.finite_check import SHORT, FiniteCheck

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize('where', [0, 1, 2, 3])
@pytest.mark.parametrize('dtype', [*DTYPES, torch.complex64])
@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
def test_one_bad_element_is_seen(where, dtype, bad):
    shapes = (7, 5), (3,), (SHORT + 1,), (2, 2)
    tensors = [torch.randn(shape).to(dtype) for shape in shapes]
    is_finite = FiniteCheck(tensors)
    assert is_finite() is True
    good = tensors[where].flatten()[-1].clone()
    tensors[where].view(-1)[-1] = bad
    assert is_finite() is False
    tensors[where].view(-1)[-1] = good
    assert is_finite() is True


def test_opposite_infinities_do_not_cancel():
    assert not FiniteCheck([torch.tensor([torch.inf, -torch.inf])])()
    two = [torch.tensor([torch.inf]), torch.tensor([-torch.inf])]
    assert not FiniteCheck(two)()


@pytest.mark.parametrize('shape', [(400,), (20, 20)])
@pytest.mark.parametrize('dtype', DTYPES)
def test_large_weights_are_finite(shape, dtype):
    largest = torch.finfo(dtype).max / 1000
    assert FiniteCheck([torch.full(shape, largest, dtype=dtype)])()


def test_nothing_is_finite():
    assert FiniteCheck([])()
    assert FiniteCheck([torch.empty(0), torch.empty(0, 3)])()


def test_tensors_may_be_rebound():
    weight = torch.nn.Parameter(torch.ones(3))
    is_finite = FiniteCheck([weight])
    weight.data = torch.tensor([1.0, torch.nan, 1.0])
    assert not is_finite()
