import os
import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from sema_mm import checkpoint
from sema_mm.checkpoint import load_from_local, use_safe_loading
from tests.toy import build_runner


class Payload:
    """What an attacker would put into a pickle."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def save(path, content):
    torch.save(dict(state_dict=dict(w=torch.ones(2)), extra=content), path)
    return path


def test_a_log_history_keeps_its_statistics(tmp_path):
    history = HistoryBuffer()
    for value in (1.0, 2.0, 6.0):
        history.update(value)
    read = load_from_local(save(tmp_path / 'a.pth', history))['extra']
    assert read.current() == 6 and read.mean() == 3
    assert read.statistics('max') == 6


@pytest.mark.parametrize(
    'content',
    [np.arange(3), np.float32(2.5), np.int64(3), np.array(['a', 'b'])],
    ids=str,
)
def test_numpy_data_is_read(tmp_path, content):
    read = load_from_local(save(tmp_path / 'a.pth', content))['extra']
    assert np.array_equal(read, content) and type(read) is type(content)


@pytest.mark.parametrize(
    'payload',
    [
        Payload(os.system, 'touch {}'),
        Payload(getattr, HistoryBuffer, '__init__'),
        Payload(getattr, torch.Tensor, 'backward'),
        Payload(eval, '1'),
        Payload(exec, 'pass'),
    ],
    ids=lambda payload: str(payload.call),
)
def test_a_payload_is_refused_and_does_not_run(tmp_path, payload):
    trace = tmp_path / 'trace'
    function, arguments = payload.call
    arguments = [
        a.format(trace) if isinstance(a, str) else a for a in arguments
    ]
    path = save(tmp_path / 'a.pth', Payload(function, *arguments))
    with pytest.raises(ValueError, match='could run code when read'):
        load_from_local(path)
    assert not trace.exists()


def test_the_runs_own_folder_is_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, '_trusted', set())
    path = save(tmp_path / 'a.pth', Payload(Fraction, 1, 2))
    with pytest.raises(ValueError, match='not written in the work_dir'):
        load_from_local(path)
    use_safe_loading(str(tmp_path))
    assert load_from_local(path)['extra'] == Fraction(1, 2)


def test_load_from_refuses_a_payload(tmp_path):
    path = save(tmp_path / 'bad.pth', Payload(os.system, 'true'))
    runner = build_runner(
        tmp_path / 'run',
        dict(type='sema_mm.SwitchEMAHook', momentum=0.2),
        load_from=str(path),
    )
    with pytest.raises(ValueError, match='could run code when read'):
        runner.train()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.pth'):
        load_from_local(tmp_path / 'nothing.pth')


def test_the_stand_in_gives_nothing_else():
    with pytest.raises(pickle.UnpicklingError):
        checkpoint._statistic(HistoryBuffer, '__reduce__')
