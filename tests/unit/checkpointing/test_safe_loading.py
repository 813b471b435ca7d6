import argparse
import functools
import http.server
import os
import pickle
import threading
from collections import defaultdict
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import mmengine
import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.registry import PARAM_SCHEDULERS
from mmengine.runner import CheckpointLoader

from sema_mm import mmengine_patches
from sema_mm.checkpointing.safe_globals import attribute
from sema_mm.checkpointing.safe_loading import (
    CheckpointError,
    DamagedCheckpointError,
    load_from_local,
)
from tests.helpers.toy import build_runner


class Payload:
    """What an attacker would put into a pickle."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def save(path, content, **how):
    torch.save(
        dict(state_dict=dict(w=torch.ones(2)), extra=content), path, **how
    )
    return path


@pytest.fixture
def trap(tmp_path):
    """Write a checkpoint that touches a file when its code runs."""
    trace = tmp_path / 'trace'
    path = save(tmp_path / 'trap.pth', Payload(os.system, f'touch {trace}'))
    return path, trace


def test_control_the_trap_springs(trap):
    path, trace = trap
    torch.load(path, weights_only=False)
    assert trace.exists()


def test_a_log_history_keeps_its_statistics(tmp_path):
    history = HistoryBuffer()
    for value in (1.0, 2.0, 6.0):
        history.update(value)
    read = load_from_local(save(tmp_path / 'a.pth', history))['extra']
    assert read.current() == 6 and read.mean() == 3
    assert read.statistics('max') == 6


DATA = [
    np.float32(2.5),
    np.int64(3),
    np.bool_(True),
    ConfigDict(classes=('a', 'b'), info=dict(n=1)),
    defaultdict(list, a=[1]),
    frozenset({1, 2}),
    Path('data/coco'),
    datetime(2024, 2, 14),
    argparse.Namespace(lr=0.1),
    slice(1, 2),
    range(3),
    torch.Size([1, 2]),
]


@pytest.mark.parametrize('content', DATA, ids=lambda x: type(x).__name__)
def test_data_is_read(tmp_path, content):
    read = load_from_local(save(tmp_path / 'a.pth', content))['extra']
    assert read == content and type(read) is type(content)


@pytest.mark.parametrize(
    'content', [np.arange(3), np.array(['a', 'b'])], ids=str
)
def test_arrays_are_read(tmp_path, content):
    read = load_from_local(save(tmp_path / 'a.pth', content))['extra']
    assert np.array_equal(read, content) and read.dtype == content.dtype


NEEDED = dict(
    CosineRestartLR=dict(periods=[2], restart_weights=[1], eta_min=0),
    ExponentialLR=dict(gamma=0.9),
    MultiStepLR=dict(milestones=[1, 2]),
    OneCycleLR=dict(eta_max=1, total_steps=5),
    ReduceOnPlateauLR=dict(monitor='loss'),
    StepLR=dict(step_size=2),
)
SCHEDULERS = sorted(
    name for name in PARAM_SCHEDULERS.module_dict if name.endswith('LR')
)


@pytest.mark.parametrize('name', SCHEDULERS)
def test_the_states_of_all_schedulers_are_read(tmp_path, name):
    optimizer = torch.optim.SGD([torch.ones(1)], lr=0.1, momentum=0.9)
    kind = PARAM_SCHEDULERS.get(name)
    state = kind(optimizer, **NEEDED.get(name, {})).state_dict()
    read = load_from_local(save(tmp_path / 'a.pth', state))['extra']
    assert read == state


PAYLOADS = [
    Payload(os.system, 'touch {}'),
    Payload(getattr, HistoryBuffer, '__init__'),
    Payload(getattr, torch.Tensor, 'backward'),
    Payload(eval, '1'),
    Payload(exec, 'pass'),
    Payload(functools.partial, print),
    Payload(defaultdict, os.getcwd),
]


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
@pytest.mark.parametrize('payload', PAYLOADS, ids=lambda p: str(p.call))
def test_a_payload_is_refused_and_does_not_run(tmp_path, payload, zipped):
    trace = tmp_path / 'trace'
    function, arguments = payload.call
    arguments = [
        a.format(trace) if isinstance(a, str) else a for a in arguments
    ]
    path = save(
        tmp_path / 'a.pth',
        Payload(function, *arguments),
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(CheckpointError, match='could run code') as caught:
        load_from_local(path)
    assert not isinstance(caught.value, DamagedCheckpointError)
    assert not trace.exists()


def test_the_folder_of_the_run_is_read_like_all_others(trap):
    path, trace = trap
    mmengine_patches.install()
    with pytest.raises(CheckpointError, match='could run code'):
        CheckpointLoader.load_checkpoint(str(path))
    assert not trace.exists()


def test_no_variable_of_the_environment_opens_the_door(trap, monkeypatch):
    path, trace = trap
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    mmengine_patches.install()
    for load in (load_from_local, CheckpointLoader.load_checkpoint):
        with pytest.raises(CheckpointError, match='could run code'):
            load(str(path))
    assert not trace.exists()
    assert os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] == '1'
    assert 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serve a folder by HTTP, and keep downloads in another."""
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(tmp_path)
    )
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever).start()
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'downloads'))
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize('safe', [True, False], ids=['ours', 'control'])
def test_a_download_is_data_as_well(trap, served, safe, monkeypatch):
    """torch.hub reads downloads without any restriction."""
    path, trace = trap
    mmengine_patches.install()
    if safe:
        with pytest.raises(CheckpointError, match='could run code'):
            CheckpointLoader.load_checkpoint(f'{served}/{path.name}')
    else:
        schemes = CheckpointLoader._schemes.items()
        theirs = {key: loader.__wrapped__ for key, loader in schemes}
        monkeypatch.setattr(CheckpointLoader, '_schemes', theirs)
        CheckpointLoader.load_checkpoint(f'{served}/{path.name}')
    assert trace.exists() is not safe


def test_every_scheme_of_mmengine_is_safe():
    mmengine_patches.install()
    mmengine_patches.install()
    schemes = CheckpointLoader._schemes
    assert len(schemes) > 5
    for loader in schemes.values():
        assert not hasattr(loader.__wrapped__, '__wrapped__')


def test_a_class_of_the_users_own_can_be_allowed(tmp_path):
    path = save(tmp_path / 'a.pth', Fraction(1, 2))
    with pytest.raises(CheckpointError, match='fractions.Fraction') as caught:
        load_from_local(path)
    assert 'torch.serialization.add_safe_globals' in str(caught.value)
    with torch.serialization.safe_globals([Fraction]):
        assert load_from_local(path)['extra'] == Fraction(1, 2)


def test_load_from_refuses_a_payload(trap, tmp_path):
    path, trace = trap
    runner = build_runner(
        tmp_path / 'run',
        dict(type='sema_mm.SwitchEMAHook', momentum=0.2),
        load_from=str(path),
    )
    with pytest.raises(CheckpointError, match='could run code when read'):
        runner.train()
    assert not trace.exists()


@pytest.mark.parametrize('safe', [True, False], ids=['ours', 'control'])
def test_the_config_text_of_a_checkpoint_does_not_run(
    tmp_path, monkeypatch, safe
):
    """A key of mmcv 1.x, whose text mmengine runs when it resumes."""
    hook = dict(type='sema_mm.SwitchEMAHook', momentum=0.2)
    build_runner(tmp_path, hook, epochs=1).train()
    path, trace = tmp_path / 'epoch_1.pth', tmp_path / 'trace'
    content = torch.load(path, weights_only=False)
    content['meta']['config'] = f'__import__("os").system("touch {trace}")\n'
    torch.save(content, path)
    runner = build_runner(tmp_path, hook, epochs=2, resume=True)
    if not safe:
        CheckpointLoader.register_scheme(
            prefixes='', loader=load_from_local, force=True
        )
        monkeypatch.setattr(
            'sema_mm.mmengine_patches.install',
            lambda *args: None,
        )
    runner.train()
    mmengine_patches.install()
    assert runner.epoch == 2
    assert trace.exists() is not safe


BROKEN = {
    'empty': (b'', 'is empty'),
    'text': (b'hello\nworld\n', 'is no checkpoint: torch.save did not'),
    'config': (b'model = dict()\n', 'is no checkpoint: torch.save did not'),
    'picture': (b'\x89PNG\r\n\x1a\n' + bytes(99), 'is no checkpoint'),
    'zeros': (bytes(999), 'is no checkpoint: torch.save did not write'),
    'zip': (b'PK\3\4' + bytes(99), 'is damaged: only a part of it is'),
}


@pytest.mark.parametrize('name', BROKEN)
def test_what_is_no_checkpoint(tmp_path, name):
    content, words = BROKEN[name]
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    with pytest.raises(DamagedCheckpointError) as caught:
        load_from_local(path)
    assert words in str(caught.value) and '\n' not in str(caught.value)


@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
@pytest.mark.parametrize('mmap', [True, False], ids=['mmap', 'read'])
def test_a_file_that_ends_early(tmp_path, zipped, mmap):
    path = save(
        tmp_path / 'a.pth',
        torch.ones(999),
        _use_new_zipfile_serialization=zipped,
    )
    assert load_from_local(path, mmap=mmap)['extra'].sum() == 999
    whole = path.read_bytes()
    for size in (2, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DamagedCheckpointError, match='is damaged: only'):
            load_from_local(path, mmap=mmap)


def test_what_is_no_dict(tmp_path):
    torch.save(torch.ones(2), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='holds a Tensor, not a'):
        load_from_local(tmp_path / 'a.pth')


def test_a_torchscript_program_is_refused(tmp_path):
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(tmp_path / 'a.pt'))
    with pytest.raises(CheckpointError, match='a TorchScript program'):
        load_from_local(tmp_path / 'a.pt')


def test_a_folder_is_named(tmp_path):
    with pytest.raises(CheckpointError, match='is a folder'):
        load_from_local(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.pth'):
        load_from_local(tmp_path / 'nothing.pth')


@pytest.mark.skipif(torch.cuda.is_available(), reason='needs no GPU')
def test_a_file_of_a_gpu_is_not_called_damaged(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, 'location_tag', lambda s: 'cuda:0')
        path = save(tmp_path / 'a.pth', None)
    with pytest.raises(RuntimeError, match='deserialize object on a CUDA'):
        load_from_local(path)
    assert load_from_local(path, 'cpu')['state_dict']['w'].sum() == 2


def test_newer_versions(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        'sema_mm.checkpointing.safe_loading.print_log',
        lambda text, **_: said.append(text),
    )
    path = tmp_path / 'a.pth'
    torch.save(dict(sema_mm_format=2, state_dict={}), path)
    with pytest.raises(CheckpointError, match='format 2 of a newer sema_mm'):
        load_from_local(path)
    mmengine_patches.install()
    for version in (mmengine.__version__, '0.1.0', 'unknown', '99.0+abc'):
        assert not said
        meta = dict(mmengine_version=version)
        torch.save(dict(meta=meta, state_dict={}), path)
        CheckpointLoader.load_checkpoint(str(path))
    (line,) = said
    assert 'was written by mmengine 99.0' in line


def test_the_stand_in_gives_nothing_else():
    with pytest.raises(pickle.UnpicklingError):
        attribute(HistoryBuffer, '__reduce__')
