"""Averages that differ from the model's tensors in dtype or device."""

import pytest
import torch

from sema_mm.averaging import tensor_group
from sema_mm.averaging.functional import lerp_
from sema_mm.averaging.tensor_group import (
    CastGroup,
    HostGroup,
    TensorGroup,
    room_like,
)

SHAPES = (3,), (2, 4), (), (5, 1), (0,), (30, 2), (2, 40), (1,)
WEIGHTS = 1.0, 0.1, 0.001, 0.7


def group_of(kind, dtype=torch.bfloat16, average=torch.float32):
    group = kind()
    for number, shape in enumerate(SHAPES):
        value = torch.randn(shape).to(dtype)
        group.add(f'w{number}', value, value.to(average, copy=True))
    return group


def update_both(group, weights):
    """Update a group, and copies of its averages tensor by tensor."""
    expected = [average.clone() for average in group.averages]
    for weight in weights:
        for value in group.values:
            value.copy_(torch.randn(value.shape))
        group.update(weight)
        for average, value in zip(expected, group.values):
            lerp_([average], [value.to(average)], weight)
    group.settle()
    return expected


@pytest.mark.parametrize('room', [1, 8, 20, 1000])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_cast_in_runs_is_cast_one_by_one(room, dtype, monkeypatch):
    monkeypatch.setattr(tensor_group, 'PIECE', room)
    group = group_of(CastGroup, dtype)
    expected = update_both(group, WEIGHTS)
    for average, value in zip(group.averages, expected):
        assert torch.equal(average, value)


def test_the_room_is_kept(monkeypatch):
    monkeypatch.setattr(tensor_group, 'PIECE', 20)
    group = group_of(CastGroup)
    group.update(0.1)
    rooms = {r.untyped_storage().data_ptr() for _, v in group._runs for r in v}
    assert len(rooms) == 1
    before = group._runs
    group.update(0.1)
    assert group._runs is before
    covered = [n for run, _ in before for n in range(*run.indices(99))]
    assert covered == list(range(len(SHAPES)))


@pytest.mark.parametrize('skip', [True, False])
@pytest.mark.parametrize('kind', [TensorGroup, CastGroup, HostGroup])
@pytest.mark.parametrize('weight', [0.1, 1.0])
def test_gate(kind, skip, weight):
    group = group_of(kind, torch.float32)
    before = [average.clone() for average in group.averages]
    for value in group.values:
        value.fill_(torch.nan)
    group.update(weight, torch.tensor(skip))
    group.settle()
    same = [a.equal(b) for a, b in zip(group.averages, before) if len(b.shape)]
    assert all(same) is skip
    assert any(average.isnan().any() for average in group.averages) != skip


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_averages_on_the_host_come_one_update_later(dtype):
    group = group_of(HostGroup, dtype)
    before = [average.clone() for average in group.averages]
    for value in group.values:
        value.add_(1)
    group.update(0.5)
    assert all(map(torch.equal, group.averages, before))
    for value in group.values:
        value.fill_(99)  # What an optimizer does while nobody has looked.
    group.settle()
    for average, old in zip(group.averages, before):
        torch.testing.assert_close(average, old + 0.5, rtol=0, atol=0.02)
    group.settle()
    assert group.averages[0][0] < 90


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_averages_on_the_host_are_the_same(dtype):
    group = group_of(HostGroup, dtype)
    expected = update_both(group, WEIGHTS)
    assert all(map(torch.equal, group.averages, expected))


def test_large_tensors_reach_another_device(monkeypatch):
    """The device that has no memory stands for a second GPU."""
    monkeypatch.setattr(tensor_group, 'PIECE', 20)
    group = HostGroup()
    value = torch.randn(30, 2)
    group.add('w', value, value.to('meta'))
    group.update(0.1)
    group.settle()
    assert group.averages[0].is_meta


def test_a_group_notices_another_dtype():
    group = group_of(TensorGroup, torch.float32)
    assert not group.is_moved
    group.averages = [average.double() for average in group.averages]
    assert group.is_moved


def test_room_keeps_the_order_of_elements():
    tensors = [
        torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.randn(3, 4).t(),
        torch.randn(8)[::2],
        torch.tensor(1.0),
    ]
    memory = torch.empty(sum(t.numel() for t in tensors))
    room = room_like(tensors, memory)
    torch._foreach_copy_(room, tensors)
    assert all(map(torch.equal, room, tensors))
    assert [r.stride() for r in room[:2]] == [t.stride() for t in tensors[:2]]
    assert room[2].is_contiguous()
    start = memory.data_ptr()
    assert [(r.data_ptr() - start) // 4 for r in room] == [0, 120, 132, 136]


def on_gpu(kind, average_device):
    group = kind()
    for number, shape in enumerate(SHAPES):
        value = torch.randn(shape, device='cuda').bfloat16()
        average = value.to(average_device, torch.float32)
        group.add(f'w{number}', value, average)
    return group


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
@pytest.mark.parametrize(
    'kind, device', [(CastGroup, 'cuda'), (HostGroup, 'cpu')]
)
def test_groups_on_a_gpu(kind, device):
    group = on_gpu(kind, device)
    expected = update_both(group, WEIGHTS)
    torch.testing.assert_close(group.averages, expected)
    skip = torch.tensor(True, device='cuda')
    for value in group.values:
        value.fill_(torch.nan)
    before = [average.clone() for average in group.averages]
    group.update(0.1, skip)
    group.settle()
    assert all(map(torch.equal, group.averages, before))
