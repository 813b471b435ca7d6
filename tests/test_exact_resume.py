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
from torch import nn

from tests.exact import assert_same, frozen
from tests.toy import ToyData, ToyModel, build_runner, find_hook, loader

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


def build(work_dir, epochs=4, iters=None, workers=0, hooks=(), **changes):
    data = loader(infinite=iters is not None)
    data.update(dataset=NoisyData(20), num_workers=workers)
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


def outcome(runner):
    """Everything that a run leaves behind."""
    hub = runner.message_hub
    early = find_hook(runner, EarlyStoppingHook)
    return frozen(
        dict(
            model=runner.model.state_dict(),
            optimizer=runner.optim_wrapper.state_dict(),
            average=hub and runner.hooks and _average(runner),
            best=float(hub.get_info('best_score')),
            early=[early.wait_count, float(early.best_score)],
            drawn=[random.random(), np.random.rand(), torch.rand(3)],
        )
    )


def _average(runner):
    hook = next(h for h in runner.hooks if hasattr(h, 'average'))
    return hook.average.state_dict()


def straight(tmp_path, **how):
    runner = build(tmp_path / 'straight', **how)
    runner.train()
    return outcome(runner)


def interrupted(tmp_path, event, count, priority, **how):
    """Stop a run, disturb what can be, and resume it in a new runner."""
    work_dir = tmp_path / f'{event}{count}{priority}'
    killer = Killer(event, count, priority)
    with pytest.raises(Stop):
        build(work_dir, hooks=[killer], **how).train()
    random.seed(), np.random.seed(None), torch.seed()
    runner = build(work_dir, resume=True, **how)
    runner.train()
    return outcome(runner)


@pytest.mark.parametrize('priority', ['VERY_HIGH', 'LOWEST'])
@pytest.mark.parametrize('event', EVENTS)
def test_epochs(tmp_path, event, priority):
    expected = straight(tmp_path)
    count = 13 if event == 'after_train_iter' else 2
    if event == 'after_val_iter':
        count = 5
    ours = interrupted(tmp_path, event, count, priority)
    assert_same(ours, expected)


@pytest.mark.parametrize('priority', ['VERY_HIGH', 'LOWEST'])
@pytest.mark.parametrize(
    'event', [e for e in EVENTS if 'train_epoch' not in e]
)
def test_iterations(tmp_path, event, priority):
    how = dict(iters=10)
    expected = straight(tmp_path, **how)
    ours = interrupted(
        tmp_path, event, 1 if 'val' in event else 7, priority, **how
    )
    assert_same(ours, expected)


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
