"""With SafeCheckpointHook a resumed run is the one that stopped, exactly.

Data, model and hooks here draw random numbers wherever they can. The run is
stopped at every place where a process could be, and resumed.
"""

import os
import random

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.hooks import EarlyStoppingHook, Hook
from mmengine.runner import FlexibleRunner
from torch import nn

from sema_mm import SafeCheckpointHook
from sema_mm.checkpointing.latest_checkpoint import use_latest_checkpoint
from sema_mm.checkpointing.safe_loading import load_from_local
from tests.helpers.exact import assert_differ, assert_same, frozen
from tests.helpers.toy import (
    ToyData,
    ToyModel,
    build_runner,
    find_hook,
    loader,
)

EVENTS = (
    'before_train_epoch',
    'after_train_iter',
    'after_train_epoch',
    'before_val',
    'after_val_iter',
    'after_val_epoch',
)


class NoisyData(ToyData):
    """Images with noise of three generators."""

    def __getitem__(self, index):
        item = super().__getitem__(index)
        noise = random.random() + np.random.rand() + torch.rand(())
        return dict(item, inputs=item['inputs'] + 0.1 * noise)


def noisy_model():
    return ToyModel(tail=nn.Dropout(0.3))


class Stop(Exception):
    """Stands for a kill."""


class Killer(Hook):
    """Stops a run at the n-th call of an event."""

    def __init__(self, event, count, priority):
        self.left = count
        self.priority = priority
        setattr(self, event, self._count)

    def _count(self, runner, *args, **kwargs):
        self.left -= 1
        if self.left == 0:
            raise Stop


class Interrupter(Killer):
    """Saves in the middle of an epoch, then stops."""

    def _count(self, runner, *args, **kwargs):
        if self.left == 1:
            find_hook(runner, SafeCheckpointHook).save_interrupted(runner)
        super()._count(runner)


def build(
    work_dir,
    epochs=4,
    iters=None,
    workers=0,
    persistent=False,
    hooks=(),
    **changes,
):
    data = loader(infinite=iters is not None)
    data.update(
        dataset=NoisyData(20),
        num_workers=workers,
        persistent_workers=persistent,
    )
    by_epoch = iters is None
    torch.manual_seed(3)
    arguments = dict(
        model=noisy_model(),
        train_dataloader=data,
        cfg=dict(randomness=dict(seed=5)),
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=0.1, momentum=0.9),
            accumulative_counts=2,
        ),
        default_hooks=dict(
            checkpoint=dict(
                type='sema_mm.SafeCheckpointHook',
                interval=1 if by_epoch else 2,
                by_epoch=by_epoch,
                max_keep_ckpts=1,
                save_best='toy/score',
                rule='greater',
            ),
            early=dict(
                type='EarlyStoppingHook',
                monitor='toy/score',
                rule='greater',
                patience=50,
            ),
        ),
    )
    arguments.update(changes)
    average = dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.5,
        by_epoch=by_epoch,
        switch_interval=1 if by_epoch else 3,
    )
    return build_runner(
        work_dir, [average, *hooks], epochs=epochs, iters=iters, **arguments
    )


def stop_workers(runner):
    """End the workers; a garbage collector waits 5 s for each."""
    loop = runner.train_loop
    reader = getattr(loop, 'dataloader_iterator', loop.dataloader)
    while reader is not None and not hasattr(reader, '_shutdown_workers'):
        reader = getattr(reader, '_iterator', None)
    if reader is not None:
        reader._shutdown_workers()


def outcome(runner):
    """Everything that a run leaves behind."""
    stop_workers(runner)
    hub = runner.message_hub
    early = find_hook(runner, EarlyStoppingHook)
    return frozen(
        dict(
            model=runner.model.state_dict(),
            optimizer=runner.optim_wrapper.state_dict(),
            schedulers=[one.state_dict() for one in runner.param_schedulers],
            average=hub and runner.hooks and _average(runner),
            best=float(hub.get_info('best_score')),
            early=[early.wait_count, float(early.best_score)],
            saved=_saved(runner),
            drawn=[random.random(), np.random.rand(), torch.rand(3)],
        )
    )


def _saved(runner):
    """What the last checkpoint and the best one say of the moment."""
    hub = runner.message_hub
    last = load_from_local(hub.get_info('last_ckpt'))
    best = load_from_local(hub.get_info('best_ckpt'))
    said = best['message_hub']['runtime_info']
    ranks = last['training_state']['ranks']
    return [ranks, said['epoch'], said['iter'], best['meta']['iter']]


def _average(runner):
    hook = next(h for h in runner.hooks if hasattr(h, 'average'))
    return hook.average.state_dict()


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    """What a run leaves that is not stopped; each is trained once."""
    known = {}

    def run(**how):
        name = str(sorted(how.items()))
        if name not in known:
            runner = build(tmp_path_factory.mktemp('straight'), **how)
            runner.train()
            known[name] = outcome(runner)
        return known[name]

    return run


def interrupted(work_dir, event, count, priority, kind=Killer, **how):
    """Stop a run, disturb what can be, and resume it in a new runner."""
    runner = build(work_dir, hooks=[kind(event, count, priority)], **how)
    with pytest.raises(Stop):
        runner.train()
    stop_workers(runner)
    random.seed(), np.random.seed(None), torch.seed()
    runner = build(work_dir, resume=True, **how)
    runner.train()
    return outcome(runner)


@pytest.mark.parametrize('priority', ['VERY_HIGH', 'LOWEST'])
@pytest.mark.parametrize('event', EVENTS)
def test_epochs(tmp_path, straight, event, priority):
    count = 13 if event == 'after_train_iter' else 2
    if event == 'after_val_iter':
        count = 5
    ours = interrupted(tmp_path, event, count, priority)
    assert_same(ours, straight())


@pytest.mark.parametrize('event', ['before_val', 'after_val_epoch'])
def test_after_the_last_epoch(tmp_path, straight, event):
    assert_same(interrupted(tmp_path, event, 4, 'VERY_HIGH'), straight())


@pytest.mark.parametrize('priority', ['VERY_HIGH', 'LOWEST'])
@pytest.mark.parametrize(
    'event', [e for e in EVENTS if 'train_epoch' not in e]
)
def test_iterations(tmp_path, straight, event, priority):
    how = dict(iters=10)
    ours = interrupted(
        tmp_path, event, 1 if 'val' in event else 7, priority, **how
    )
    assert_same(ours, straight(**how))


MIDDLE = dict(event='after_train_iter', count=8, priority='LOWEST')


@pytest.mark.parametrize('stop', ['middle', 'boundary'])
@pytest.mark.parametrize(
    'how',
    [
        dict(),
        dict(workers=2),
        dict(workers=2, iters=10),
        dict(workers=2, iters=10, persistent=True),
    ],
    ids=['alone', 'epochs', 'iterations', 'persistent-iterations'],
)
def test_workers_draw_the_same_numbers(tmp_path, straight, capsys, how, stop):
    kind = Interrupter if stop == 'middle' else Killer
    ours = interrupted(tmp_path, **MIDDLE, kind=kind, **how)
    assert_same(ours, straight(**how))
    assert 'not exact' not in capsys.readouterr().out


def test_persistent_workers_of_epochs_are_not_exact_and_that_is_said(
    tmp_path, straight, capsys
):
    how = dict(workers=2, persistent=True)
    ours = interrupted(tmp_path, **MIDDLE, **how)
    assert_differ(ours, straight(**how))
    assert 'persistent_workers=True' in capsys.readouterr().out


def test_without_a_seed_the_data_come_in_another_order(tmp_path, capsys):
    interrupted(tmp_path, **MIDDLE, randomness=dict(seed=None))
    said = capsys.readouterr().out
    assert 'the order of the data differs' in said
    assert 'persistent' not in said


@pytest.mark.parametrize(
    'event, priority', [('after_val_epoch', p) for p in ('NORMAL', 'LOWEST')]
)
def test_a_validation_counts_once(tmp_path, straight, event, priority):
    how = dict(
        param_scheduler=dict(
            type='ReduceOnPlateauLR',
            monitor='toy/score',
            rule='greater',
            patience=1,
            threshold=9.0,  # No score is so much better: each one counts.
        )
    )
    ours = interrupted(tmp_path, event, 1, priority, **how)
    assert_same(ours, straight(**how))


FLEXIBLE = dict(runner_type=FlexibleRunner)


@pytest.mark.parametrize(
    'stop',
    [
        dict(MIDDLE),
        dict(MIDDLE, kind=Interrupter),
        dict(event='after_val_epoch', count=2, priority='LOWEST'),
    ],
    ids=['iteration', 'middle', 'validation'],
)
def test_flexible_runner(tmp_path, straight, stop):
    ours = interrupted(tmp_path, **stop, **FLEXIBLE)
    assert_same(ours, straight(**FLEXIBLE))


def test_flexible_runner_is_told_of_damage_before_it_trains(
    tmp_path, straight
):
    with pytest.raises(Stop):
        build(tmp_path, hooks=[Killer(**MIDDLE)], **FLEXIBLE).train()
    whole = tmp_path / 'epoch_1.pth'
    named = tmp_path / 'epoch_2.pth'
    named.write_bytes(whole.read_bytes()[:999])
    (tmp_path / 'last_checkpoint').write_text(str(named))
    runner = build(tmp_path, resume=True, **FLEXIBLE)
    use_latest_checkpoint(runner)
    runner.train()
    assert_same(outcome(runner), straight(**FLEXIBLE))
    assert (tmp_path / 'epoch_2.pth.damaged').exists()


def worker(rank, folder, store, stop, resume):
    """Train on one of two ranks; keep what is left of it."""
    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)
    dist.init_process_group(
        'gloo', f'file://{folder}/{store}', rank=rank, world_size=2
    )
    wrapper = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
    )
    runner = build(
        folder,
        hooks=[Killer('after_train_iter', stop, 'LOWEST')],
        resume=resume,
        launcher='pytorch',
        env_cfg=dict(dist_cfg=dict(backend='gloo')),
        randomness=dict(seed=5, diff_rank_seed=True),
        cfg=dict(randomness=dict(seed=5), model_wrapper_cfg=wrapper),
    )
    try:
        runner.train()
    except Stop:
        return
    weights = {n: p.detach() for n, p in runner.model.named_parameters()}
    left = dict(weights=weights, drawn=torch.rand(3))
    torch.save(left, f'{folder}/{store}-rank{rank}.pth')
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_ranks(tmp_path):
    straight, run = tmp_path / 'straight', tmp_path / 'run'
    straight.mkdir(), run.mkdir()
    for folder, store, stop, resume in (
        (straight, 'end', 10**6, False),
        (run, 'stopped', 8, False),
        (run, 'end', 10**6, True),
    ):
        mp.spawn(worker, (str(folder), store, stop, resume), nprocs=2)
    ranks = []
    for rank in (0, 1):
        left = [torch.load(f / f'end-rank{rank}.pth') for f in (straight, run)]
        assert_same(*left)
        ranks.append(left[0])
    assert not torch.equal(ranks[0]['drawn'], ranks[1]['drawn'])
    assert_same(ranks[0]['weights'], ranks[1]['weights'])
