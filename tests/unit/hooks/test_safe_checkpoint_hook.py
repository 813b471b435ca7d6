"""Whatever stops a save, a checkpoint to go on from is there."""

import os
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from sema_mm import PreemptionHook, SafeCheckpointHook
from sema_mm.checkpointing import whole_files as files
from sema_mm.checkpointing.latest_checkpoint import latest_checkpoint
from tests.helpers.toy import build_runner

HOOK = dict(type='sema_mm.SafeCheckpointHook', interval=1, max_keep_ckpts=1)


def build(work_dir, epochs=3, hooks=(), checkpoint=HOOK, **changes):
    return build_runner(
        work_dir,
        list(hooks),
        epochs=epochs,
        default_hooks=dict(checkpoint=dict(checkpoint)),
        cfg=dict(randomness=dict(seed=5)),
        **changes,
    )


def names(work_dir):
    found = (path.name for path in Path(work_dir).iterdir())
    return {name for name in found if '.pth' in name}


class Kill(Exception):
    """Stands for a kill."""


def kill_in(monkeypatch, where, name, count):
    """Raise at the n-th call of a function."""
    function, calls = getattr(where, name), []

    def killed(*args, **kwargs):
        calls.append(args)
        if len(calls) == count:
            raise Kill
        return function(*args, **kwargs)

    monkeypatch.setattr(where, name, killed)


PLACES = [
    (torch, 'save', 'epoch_1.pth'),
    (files, 'replace', 'epoch_1.pth'),
    (files, 'write_text', 'epoch_2.pth'),
    (SafeCheckpointHook, '_remove', 'epoch_2.pth'),
]


@pytest.mark.parametrize('where, name, expected', PLACES)
def test_a_stop_in_a_save_leaves_a_whole_checkpoint(
    tmp_path, monkeypatch, where, name, expected
):
    # replace() is called for the checkpoint and for last_checkpoint;
    # _remove() for the outdated checkpoint and for an interrupted one.
    count = {'replace': 3, '_remove': 2}.get(name, 2)
    with monkeypatch.context() as patch:
        kill_in(patch, where, name, count)
        with pytest.raises(Kill):
            build(tmp_path).train()
    chosen = latest_checkpoint(str(tmp_path))
    assert Path(chosen).name == expected
    assert (tmp_path / 'last_checkpoint').read_text().endswith('.pth')
    runner = build(tmp_path, resume=True)
    runner.train()
    assert runner.epoch == 3
    assert 'epoch_3.pth' in names(tmp_path)
    assert not any(name.startswith('.') for name in names(tmp_path))


def test_mmengine_loses_everything_there(tmp_path, monkeypatch):
    kill_in(monkeypatch, torch, 'save', 2)
    theirs = dict(HOOK, type='CheckpointHook')
    with pytest.raises(Kill):
        build(tmp_path, checkpoint=theirs).train()
    assert names(tmp_path) == set()


def test_outdated_checkpoints_are_removed(tmp_path):
    build(tmp_path, checkpoint=dict(HOOK, max_keep_ckpts=2)).train()
    assert names(tmp_path) == {'epoch_2.pth', 'epoch_3.pth'}


def test_the_best_is_replaced_by_a_better_one_only_when_that_is_there(
    tmp_path, monkeypatch
):
    how = dict(
        checkpoint=dict(HOOK, save_best='toy/score', rule='greater'), epochs=1
    )
    build(tmp_path, **how).train()
    assert names(tmp_path) == {'epoch_1.pth', 'best_toy_score_epoch_1.pth'}
    how['epochs'] = 3
    with monkeypatch.context() as patch:
        scores = iter([0.0, 2.0])  # of epochs 2 and 3
        patch.setattr(
            'tests.helpers.toy.ToyMetric.compute_metrics',
            lambda self, results: dict(score=next(scores)),
        )
        kill_in(patch, torch, 'save', 3)
        with pytest.raises(Kill):
            build(tmp_path, resume=True, **how).train()
    left = {name for name in names(tmp_path) if name.startswith('best')}
    assert left == {'best_toy_score_epoch_1.pth'}


class LimitFiles(Hook):
    """Lets no file grow beyond a part of the first checkpoint."""

    def after_train_epoch(self, runner):
        if runner.epoch == 0:
            size = (Path(runner.work_dir) / 'epoch_1.pth').stat().st_size
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))

    priority = 'LOWEST'


@pytest.fixture
def unlimit():
    """Give the limit of this process back, when called or at the end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_cannot_be_written_whole_is_removed(tmp_path, unlimit):
    runner = build(tmp_path / 'run', hooks=[LimitFiles()])
    with pytest.raises(RuntimeError, match='File too large.*intact') as error:
        runner.train()
    unlimit()
    assert str(tmp_path / 'run' / 'epoch_2.pth') in str(error.value)
    goes_on_from_the_first(tmp_path, tmp_path / 'run')


def goes_on_from_the_first(tmp_path, out_dir, **how):
    """Check that a failed save has harmed nothing, and resume."""
    assert names(out_dir) == {'epoch_1.pth'}
    pointer = tmp_path / 'run' / 'last_checkpoint'
    assert Path(pointer.read_text()).name == 'epoch_1.pth'
    runner = build(tmp_path / 'run', resume=True, **how)
    runner.train()
    assert runner.epoch == 3
    assert names(out_dir) == {'epoch_3.pth'}


@pytest.fixture
def disk(tmp_path):
    """A disk of our own, that can be filled and made read-only."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', str(folder)]
    if shutil.which('mount') is None or subprocess.run(mount).returncode:
        pytest.skip('only a superuser can mount a disk')
    yield folder
    subprocess.run(['umount', str(folder)], check=True)


class Act(Hook):
    """Does something to the disk after the first checkpoint."""

    priority = 'LOWEST'

    def __init__(self, act):
        self.act = act

    def after_train_epoch(self, runner):
        if runner.epoch == 0:
            self.act()


def fill(disk):
    with pytest.raises(OSError), open(disk / 'other', 'wb') as file:
        while True:
            file.write(bytes(4096))
            file.flush()


def allow(disk, how):
    command = ['mount', '-o', f'remount,{how}', str(disk)]
    subprocess.run(command, check=True)


@pytest.mark.parametrize(
    'spoil, mend, said',
    [
        (fill, lambda disk: (disk / 'other').unlink(), 'No space left'),
        (
            lambda disk: allow(disk, 'ro'),
            lambda disk: allow(disk, 'rw'),
            'Read-only file system',
        ),
    ],
    ids=['full', 'read-only'],
)
def test_a_disk_that_fails_a_save(tmp_path, disk, spoil, mend, said):
    how = dict(checkpoint=dict(HOOK, out_dir=str(disk)))
    runner = build(tmp_path / 'run', hooks=[Act(lambda: spoil(disk))], **how)
    with pytest.raises(RuntimeError, match=f'{said}.*intact') as error:
        runner.train()
    assert str(disk / 'run' / 'epoch_2.pth') in str(error.value)
    mend(disk)
    goes_on_from_the_first(tmp_path, disk / 'run', **how)


def test_a_read_only_folder_is_found_before_training(tmp_path, disk):
    allow(disk, 'ro')
    runner = build(tmp_path / 'run', checkpoint=dict(HOOK, out_dir=str(disk)))
    with pytest.raises(RuntimeError, match='no checkpoint can be written in'):
        runner.train()
    assert runner.iter == 0


def test_a_pointer_that_cannot_be_written(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(files, 'write_text', full)
    with pytest.raises(RuntimeError, match='last_checkpoint could not be'):
        build(tmp_path).train()
    assert names(tmp_path) == {'epoch_1.pth'}


class Poison(Hook):
    """Makes the weights NaN in an epoch."""

    priority = 'HIGH'

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.epoch == 1:
            next(runner.model.parameters()).data.fill_(torch.nan)


def test_weights_that_are_not_finite_are_not_saved(tmp_path, capsys):
    average = dict(type='sema_mm.SwitchEMAHook', switch_interval=None)
    runner = build(tmp_path, epochs=2, hooks=[average, Poison()])
    runner.train()
    assert 'no checkpoint is written' in capsys.readouterr().out
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_1.pth')
    state = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)
    for tensor in state['state_dict'].values():
        assert tensor.isfinite().all()
    assert not (tmp_path / 'epoch_2.pth').exists()


def test_a_damaged_checkpoint_is_set_aside(tmp_path, capsys):
    keep_all = dict(HOOK, max_keep_ckpts=-1)
    build(tmp_path, epochs=2, checkpoint=keep_all).train()
    whole = (tmp_path / 'epoch_2.pth').read_bytes()
    (tmp_path / 'epoch_2.pth').write_bytes(whole[: len(whole) // 2])
    runner = build(tmp_path, resume=True, checkpoint=keep_all)
    runner.train()
    assert 'epoch_2.pth cannot be read' in capsys.readouterr().out
    assert 'epoch_2.pth.damaged' in names(tmp_path)
    assert runner.epoch == 3


def test_a_newer_checkpoint_than_the_named_one_wins(tmp_path):
    keep_all = dict(HOOK, max_keep_ckpts=-1)
    build(tmp_path, checkpoint=keep_all).train()
    pointer = tmp_path / 'last_checkpoint'
    pointer.write_text(str(tmp_path / 'epoch_2.pth'))
    chosen = latest_checkpoint(str(tmp_path))
    assert Path(chosen).name == 'epoch_3.pth'


def test_what_an_older_run_left_does_not_win(tmp_path):
    keep_all = dict(HOOK, max_keep_ckpts=-1)
    build(tmp_path, epochs=3, checkpoint=keep_all).train()
    build(tmp_path, epochs=1, checkpoint=keep_all).train()
    chosen = latest_checkpoint(str(tmp_path))
    assert Path(chosen).name == 'epoch_1.pth'


@pytest.mark.parametrize(
    'where, name, count',
    [
        (files, 'write_text', 3),  # epoch_3.pth is there, not yet named
        (SafeCheckpointHook, '_remove', 5),  # named, epoch_2.pth not removed
        (files, 'remove', 13),  # the best, the one before not yet removed
    ],
)
def test_a_resume_removes_what_was_to_be_removed(
    tmp_path, monkeypatch, where, name, count
):
    scores = dict(save_best='toy/score', rule='greater')
    with monkeypatch.context() as patch:
        kill_in(patch, where, name, count)
        with pytest.raises(Kill):
            build(tmp_path, checkpoint=dict(HOOK, **scores)).train()
    before = names(tmp_path)
    build(tmp_path, checkpoint=dict(HOOK, **scores), resume=True).train()
    assert len(before) > len(names(tmp_path)), before
    assert 'epoch_3.pth' in names(tmp_path) and len(names(tmp_path)) == 2


def test_going_back_to_an_older_checkpoint_removes_nothing_new(tmp_path):
    keep_all = dict(HOOK, max_keep_ckpts=-1)
    build(tmp_path, checkpoint=keep_all).train()
    (tmp_path / 'interrupted.pth').write_bytes(
        (tmp_path / 'epoch_3.pth').read_bytes()
    )
    (tmp_path / 'last_checkpoint').write_text(
        str(tmp_path / 'interrupted.pth')
    )
    runner = build(
        tmp_path,
        checkpoint=dict(keep_all, interval=9, save_last=False),
        resume=True,
        load_from=str(tmp_path / 'epoch_2.pth'),
    )
    runner.train()
    assert runner.epoch == 3
    assert 'interrupted.pth' in names(tmp_path)


class Signal(Hook):
    """Sends this process a signal in an iteration."""

    def __init__(self, iteration):
        self.iteration = iteration

    def after_train_iter(self, runner, batch_idx, **kwargs):
        if runner.iter + 1 == self.iteration:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize('iteration', [1, 8, 12, 18])
def test_a_preempted_run_goes_on_in_the_middle_of_an_epoch(
    tmp_path, iteration
):
    preemption = dict(type='sema_mm.PreemptionHook', exit_code=75)
    straight = build(tmp_path / 'straight')
    straight.train()
    stopped = build(tmp_path / 'run', hooks=[preemption, Signal(iteration)])
    with pytest.raises(SystemExit) as error:
        stopped.train()
    assert error.value.code == 75
    assert 'interrupted.pth' in names(tmp_path / 'run')
    runner = build(tmp_path / 'run', hooks=[preemption], resume=True)
    runner.train()
    assert runner.iter == straight.iter
    assert 'interrupted.pth' not in names(tmp_path / 'run')
    for one, other in zip(
        runner.model.state_dict().values(),
        straight.model.state_dict().values(),
    ):
        assert torch.equal(one, other)


def test_preemption_needs_the_hook_that_saves(tmp_path):
    runner = build_runner(tmp_path, dict(type='sema_mm.PreemptionHook'))
    with pytest.raises(ValueError, match='sema_mm.SafeCheckpointHook'):
        runner.train()


@pytest.mark.parametrize(
    'wrong, text',
    [
        (dict(signals=['SIGNOPE']), 'SIGNOPE'),
        (dict(exit_code=300), 'exit_code'),
        (dict(interval=0), 'interval'),
    ],
)
def test_wrong_arguments(wrong, text):
    with pytest.raises(ValueError, match=text):
        PreemptionHook(**wrong)


def test_a_resume_that_cannot_be_exact_says_so(tmp_path, capsys):
    theirs = dict(HOOK, type='CheckpointHook')
    build(tmp_path, epochs=2, checkpoint=theirs).train()
    runner = build(tmp_path, resume=True)
    assert isinstance(runner, Runner)
    runner.train()
    assert 'no random states' in capsys.readouterr().out
