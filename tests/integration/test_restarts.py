"""Ranks that are killed, under torchrun: the run heals, or ends."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from tests.helpers.exact import assert_same
from tests.helpers.slurm_cluster import wait_for
from tests.helpers.tool_runs import TOY_CONFIG
from tests.integration.test_launchers import finish, needs_no_gpu, run, start

EPOCHS = 4
#: Seconds after which gloo gives a rank up.
TIMEOUT = 60
#: 10 iterations of two ranks in an epoch; all random numbers matter.
CONFIG = f"""{TOY_CONFIG}
model = dict(type='tests.integration.test_exact_resume.noisy_model')
train_dataloader.update(
    dataset=dict(type='tests.integration.test_exact_resume.NoisyData', size=80)
)
train_cfg.update(max_epochs={EPOCHS})
param_scheduler.update(T_max={EPOCHS}, end={EPOCHS})
default_hooks = dict(
    checkpoint=dict(
        type='sema_mm.SafeCheckpointHook', interval=1, max_keep_ckpts=1
    )
)
custom_hooks += [
    dict(type='sema_mm.PreemptionHook', interval=2),
    dict(type='tests.integration.test_restarts.Ready'),
]
env_cfg = dict(dist_cfg=dict(timeout={TIMEOUT}))
log_level = 'WARNING'
"""


class Ready(Hook):
    """Say who trains, and take a tenth of a second for each iteration."""

    said = False

    def before_train_epoch(self, runner):
        start = os.environ['TORCHELASTIC_RESTART_COUNT']
        place = Path(runner.work_dir, f'start{start}-rank{get_rank()}')
        written = place.with_suffix('.partial')
        if not self.said:
            written.write_text(str(os.getpid()))
            written.rename(place)
        self.said = True

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        time.sleep(0.1)


def ranks(work_dir, start):
    """Wait until a start trains, and return its process ids."""
    places = [work_dir / f'start{start}-rank{rank}' for rank in (0, 1)]
    wait_for(lambda: all(place.exists() for place in places), 200)
    pids = [int(place.read_text()) for place in places]
    for place in places:
        place.unlink()
    return pids


def kill(work_dir, start, chance):
    """Kill a rank of a start at some moment; return the others."""
    pids = ranks(work_dir, start)
    rank, seconds = chance.randrange(2), chance.uniform(0, 3)
    print(f'start {start}: rank {rank} is killed after {seconds:.2f} s')
    time.sleep(seconds)
    os.kill(pids.pop(rank), signal.SIGKILL)
    return pids


@contextlib.contextmanager
def started(*words, **how):
    """Start a script, and leave nothing of it behind."""
    process = start(*words, **how)
    try:
        yield process
    except BaseException:
        process.terminate()
        print(finish(process).stdout)
        raise


def end_of(work_dir):
    """Everything in the last checkpoint, but for times and paths."""
    path = work_dir / f'epoch_{EPOCHS}.pth'
    state = torch.load(path, weights_only=False)
    del state['meta'], state['message_hub']
    assert {'ema_state_dict', 'optimizer', 'training_state'} < state.keys()
    return state


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@needs_no_gpu
@pytest.mark.slow
def test_killed_ranks(tmp_path):
    """One is killed and started again; one more, and the run ends.

    A second run is asked to stop, a third goes on to the end, and all is as
    if nothing had happened.
    """
    (tmp_path / 'toy.py').write_text(CONFIG)
    begin = ('dist_train', 'toy.py', 0, '--resume', '--work-dir')
    done = run(*begin, 'undisturbed', cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert 'training starts from the beginning' in done.stdout

    work_dir, chance = tmp_path / 'stopped', random.Random(4)
    begin, how = (*begin, work_dir), dict(cwd=tmp_path)
    with started(*begin, TORCHRUN_ARGS='--max-restarts=1', **how) as process:
        kill(work_dir, 0, chance)
        others = kill(work_dir, 1, chance)
        killed = time.monotonic()
        done = finish(process)
    assert time.monotonic() - killed < TIMEOUT
    assert done.returncode == 1, done.stdout
    assert 'Signal 9 (SIGKILL)' in done.stdout
    assert not any(map(is_alive, others))

    with started(*begin, **how) as process:
        ranks(work_dir, 0)
        process.terminate()
        done = finish(process)
    assert done.returncode == 1, done.stdout
    assert (work_dir / 'interrupted.pth').exists(), done.stdout

    assert not (work_dir / f'epoch_{EPOCHS}.pth').exists()
    done = run(*begin, **how)
    assert done.returncode == 0, done.stdout
    assert_same(end_of(work_dir), end_of(tmp_path / 'undisturbed'))
