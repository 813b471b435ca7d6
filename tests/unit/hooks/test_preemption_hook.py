"""PreemptionHook; under a launcher: integration/test_slurm.py."""

import gc
import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from mmengine.hooks import Hook

from sema_mm import PreemptionHook
from tests.helpers.exact import assert_same
from tests.helpers.toy import build_runner
from tests.integration import test_exact_resume
from tests.integration.test_exact_resume import build, outcome

straight = test_exact_resume.straight  # a fixture


@pytest.fixture(autouse=True)
def no_children(handlers):
    """Leave no child and no hook behind when a test ends."""
    yield
    for child in multiprocessing.active_children():
        child.terminate()  # Loops of iterations keep theirs.
        child.join()
    gc.collect()


def send(number, *pids):
    """Send a signal as a launcher does: from another process."""
    subprocess.run(['kill', f'-{int(number)}', *map(str, pids)], check=True)
    time.sleep(0.1)  # Until it has an effect.


class Sender(Hook):
    """Lets all processes of the run get a signal at the n-th event."""

    def __init__(self, event, count, number=signal.SIGTERM):
        self.left = count
        self.number = number
        setattr(self, event, self._send)

    def _send(self, runner, *args, **kwargs):
        self.left -= 1
        if self.left == 0:
            workers = multiprocessing.active_children()
            assert bool(workers) == bool(runner.train_dataloader.num_workers)
            send(self.number, os.getpid(), *(w.pid for w in workers))


def stopped(work_dir, sender, **how):
    """Train until the signal, and return the exit code."""
    hooks = [PreemptionHook(), sender]
    with pytest.raises(SystemExit) as ended:
        build(work_dir, hooks=hooks, **how).train()
    assert Path(work_dir, 'interrupted.pth').exists()
    return ended.value.code


@pytest.mark.parametrize(
    'event, count, iters, workers',
    [
        ('before_train_iter', 8, None, 0),
        ('before_train_iter', 8, None, 2),
        ('after_train_iter', 10, None, 0),  # the last of its epoch
        ('after_train_iter', 10, None, 2),
        ('after_val_iter', 2, None, 0),
        ('before_train_iter', 7, 10, 0),
        ('before_train_iter', 7, 10, 2),
    ],
)
def test_goes_on_exactly(straight, tmp_path, event, count, iters, workers):
    how = dict(iters=iters, workers=workers)
    code = stopped(tmp_path / 'run', Sender(event, count), **how)
    assert code == 75
    runner = build(tmp_path / 'run', resume=True, **how)
    runner.train()
    assert_same(outcome(runner), straight(**how))


def test_without_the_hook_a_worker_that_ends_is_an_error(tmp_path):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # not the workers
    sender = Sender('before_train_iter', 8)
    # torch says the one, or the other where it notices at a time-out.
    ended = 'killed by signal: Terminated|exited unexpectedly'
    with pytest.raises(RuntimeError, match=ended):
        build(tmp_path, hooks=[sender], workers=2).train()


@pytest.fixture
def child():
    """Fork a child that sleeps, and wait until it does."""

    def sleep(ready):
        ready.set()
        time.sleep(60)

    def begin():
        fork = multiprocessing.get_context('fork')
        ready = fork.Event()
        process = fork.Process(target=sleep, args=(ready,))
        process.start()
        assert ready.wait(60)
        return process

    return begin


def test_a_child_obeys_its_parent_alone(child):
    hook = PreemptionHook()
    shielded = child()
    send(signal.SIGTERM, shielded.pid)
    send(signal.SIGUSR1, shielded.pid)
    assert shielded.is_alive()
    shielded.terminate()
    shielded.join(60)
    assert shielded.exitcode == 0
    del hook
    other = child()
    send(signal.SIGTERM, other.pid)
    other.join(60)
    assert other.exitcode == -signal.SIGTERM


def test_signals_are_ignored_from_the_stop_to_the_exit(tmp_path):
    code = stopped(tmp_path, Sender('before_train_iter', 1, signal.SIGUSR1))
    assert code == 75
    for number in (signal.SIGTERM, signal.SIGUSR1):
        send(number, os.getpid())  # would end the tests


def test_a_run_that_ends_gives_the_signals_back(tmp_path, handlers):
    seen = []

    class Look(Hook):
        def after_train_epoch(self, runner):
            seen.append(signal.getsignal(signal.SIGTERM))

    build(tmp_path, hooks=[PreemptionHook(), Look()]).train()
    assert seen and handlers[signal.SIGTERM] not in seen
    assert signal.getsignal(signal.SIGTERM) == handlers[signal.SIGTERM]


def test_other_signals_and_codes(tmp_path):
    hook = PreemptionHook(signals=['SIGUSR2'], exit_code=3)
    sender = Sender('before_train_iter', 1, signal.SIGUSR2)
    with pytest.raises(SystemExit) as ended:
        build(tmp_path, hooks=[hook, sender]).train()
    assert ended.value.code == 3


@pytest.mark.parametrize(
    'arguments, words',
    [
        (dict(exit_code=126), 'exit_code must be 1 to 125, not 126'),
        (dict(exit_code=0), 'exit_code'),
        (dict(interval=0), 'interval'),
        (dict(signals=['TERM']), "signals holds 'TERM', which is no signal"),
    ],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        PreemptionHook(**arguments)


def test_needs_the_hook_that_saves(tmp_path):
    runner = build_runner(tmp_path, dict(type='sema_mm.PreemptionHook'))
    with pytest.raises(ValueError, match="type='sema_mm.SafeCheckpointHook'"):
        runner.train()


class SlowToSave(Hook):
    """Rank 0 takes its time; rank 1 alone is asked to stop."""

    def before_save_checkpoint(self, runner, checkpoint):
        time.sleep(1)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if dist.get_rank() == 1 and runner.iter == 3:
            send(signal.SIGUSR1, os.getpid())


def rank(rank, folder):
    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)
    dist.init_process_group(
        'gloo', f'file://{folder}/store', rank=rank, world_size=2
    )
    wrapper = dict(type='MMDistributedDataParallel', device_ids=None)
    runner = build(
        folder,
        hooks=[PreemptionHook(interval=2), SlowToSave()],
        launcher='pytorch',
        env_cfg=dict(dist_cfg=dict(backend='gloo')),
        cfg=dict(randomness=dict(seed=5), model_wrapper_cfg=wrapper),
    )
    try:
        runner.train()
    except SystemExit:
        done = torch.load(f'{folder}/interrupted.pth', weights_only=False)
        Path(folder, f'rank{rank}').write_text(str(done['meta']['iter']))
        raise


@pytest.mark.slow
def test_ranks_stop_together(tmp_path):
    spawn = multiprocessing.get_context('spawn')
    ranks = [
        spawn.Process(target=rank, args=(number, str(tmp_path)))
        for number in (0, 1)
    ]
    for each in ranks:
        each.start()
    for each in ranks:
        each.join(200)
    assert [each.exitcode for each in ranks] == [75, 75]
    # The fourth iteration got the signal, and is the next to be agreed on.
    for number in (0, 1):
        assert (tmp_path / f'rank{number}').read_text() == '4'
