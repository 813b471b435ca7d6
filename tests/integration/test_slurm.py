"""Training and testing in the jobs of a real Slurm, stopped and requeued.

Two tasks on CPUs train a ResNet on digits, with two data workers each. However
a job is stopped, the run ends with the checkpoint of one that was not.
"""

import json
import os
import re
import sys
import time

import pytest
import torch
from mmengine.hooks import Hook

from tests.helpers.exact import assert_same
from tests.helpers.slurm_cluster import NoSlurm, SlurmCluster, wait_for
from tests.helpers.tool_runs import ROOT, TOOLS, environment
from tests.integration.test_launchers import finish, needs_no_gpu, run, start
from tests.unit.cli.test_test import SEMA

pytest.importorskip('mmpretrain')
pytestmark = [pytest.mark.slow, needs_no_gpu]

EPOCHS = 3
CONFIG = f"""
_base_ = {str(SEMA)!r}
train_cfg = dict(max_epochs={EPOCHS})
train_dataloader = dict(  # 16 iterations of two tasks in an epoch
    batch_size=8, num_workers=2, dataset=dict(indices=256)
)
default_hooks = dict(
    logger=dict(interval=1),
    checkpoint=dict(
        _delete_=True,
        type='sema_mm.SafeCheckpointHook',
        interval=1,
        max_keep_ckpts=1,
    ),
    preemption=dict(type='sema_mm.PreemptionHook', interval=2),
)
custom_hooks = [
    dict(type='sema_mm.SwitchEMAHook', momentum=0.1),
    dict(type='tests.integration.test_slurm.Pace'),
]
"""
#: The job script of the documentation.
(SCRIPT,) = re.findall(
    r'```bash\n(#!/bin/bash\n#SBATCH.*?)```',
    (ROOT / 'docs/en/launching.md').read_text(),
    re.S,
)
CHANGES = {
    'PARTITION': 'tests',
    'CONFIG WORK_DIR': 'digits.py run',
    '--ntasks=8 --ntasks-per-node=8 --gres=gpu:8 --cpus-per-task=5': (
        '--ntasks=2'
    ),
    '--signal=USR1@300': '--signal=USR1@60',
    'tools/slurm_train.sh': str(TOOLS / 'slurm_train.sh'),
}


class Pace(Hook):
    """Sleep in each iteration, so long as PACE says for this start."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        paces = os.environ.get('PACE', '').split()
        starts = int(os.environ.get('SLURM_RESTART_COUNT', '0'))
        if starts < len(paces):
            time.sleep(float(paces[starts]))


@pytest.fixture(scope='module')
def cluster():
    try:
        with SlurmCluster() as cluster:
            yield cluster
    except NoSlurm as reason:
        if os.environ.get('SEMA_MM_NEED_SLURM'):
            raise
        pytest.skip(str(reason))


@pytest.fixture(scope='module')
def train(cluster, tmp_path_factory):
    """Start slurm_train.sh in a folder with the config."""
    folder = tmp_path_factory.mktemp('slurm')
    (folder / 'digits.py').write_text(CONFIG)

    def begin(work_dir, *args, **variables):
        words = ('tests', 'digits', 'digits.py', folder / work_dir, *args)
        return start(
            *('slurm_train', *words),
            cwd=folder,
            **dict(GPUS='0', **cluster.environment, **variables),
        )

    begin.folder = folder
    return begin


@pytest.fixture(scope='module')
def undisturbed(train):
    """The final checkpoint of a run that nothing stopped."""
    done = finish(train('undisturbed'))
    assert done.returncode == 0, done.stdout
    assert '2 processes on CPUs joined at 127.0.0.1:' in done.stdout
    return train.folder / 'undisturbed' / f'epoch_{EPOCHS}.pth'


def assert_same_end(work_dir, expected):
    """Compare all that the last checkpoints hold, but for times and paths."""
    states = []
    for path in (work_dir / f'epoch_{EPOCHS}.pth', expected):
        state = torch.load(path, weights_only=False)
        del state['meta'], state['message_hub']
        states.append(state)
    assert {'state_dict', 'ema_state_dict', 'optimizer'} <= states[0].keys()
    assert_same(*states)


def trained(work_dir, pattern, start=0):
    """Tell whether the log of a start, counted from 0, says something."""
    logs = sorted(work_dir.glob('*/*.log'))[start:]
    return logs and re.search(pattern, logs[0].read_text())


def submit(cluster, folder, **variables):
    """Give the script of the documentation to Slurm."""
    script = SCRIPT
    for there, here in CHANGES.items():
        assert there in script
        script = script.replace(there, here)
    (folder / 'job.sh').write_text(script)
    words = (f'--chdir={folder}', f'--output={folder}/job.log')
    return cluster.call(
        *('sbatch', '--parsable', *words, folder / 'job.sh'),
        **{**environment(), 'PYTHON': sys.executable, 'GPUS': '0'},
        **variables,
    )


def test_stopped_twice(cluster, train, undisturbed):
    """Requeued before its time limit, then cancelled and started again."""
    job = submit(cluster, train.folder, PACE='1 0.5')
    work_dir, output = train.folder / 'run', train.folder / 'job.log'
    wait_for(lambda: trained(work_dir, r'\(train\) .*\[1\]\[ 3/16\]'), 200)
    # Slurm looks for jobs whose end is near every 30 seconds.
    update = ('scontrol', 'update', f'JobId={job}')
    cluster.call(*update, 'EndTime=now+1minute')
    wait_for(lambda: 'PENDING' in cluster.jobs('%T'), 90, output)
    assert 'Stopped by SIGUSR1 after iteration' in output.read_text()

    cluster.call(*update, 'TimeLimit=60')
    wait_for(lambda: trained(work_dir, r'\(train\) ', start=1), 200)
    cluster.call('scancel', job)
    wait_for(lambda: not cluster.jobs(), 90, output)
    text = output.read_text()
    print(text)
    assert text.count('Stopped by SIG') == 2
    assert 'Stopped by SIGTERM after iteration' in text
    assert 'Traceback' not in text

    assert not (work_dir / f'epoch_{EPOCHS}.pth').exists()
    done = finish(train('run', '--resume'))
    print(done.stdout)
    assert done.returncode == 0
    assert 'interrupted.pth' in done.stdout
    assert_same_end(work_dir, undisturbed)


def test_slurm_test(cluster, train, undisturbed):
    """It finds what the last validation of the training found."""
    scalars = undisturbed.parent.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in next(scalars).open()]
    expected = [line for line in lines if 'accuracy/top1' in line][-1]
    done = run(
        *('slurm_test', 'tests', 'digits', 'digits.py', undisturbed),
        *('--out', 'metrics.json'),
        *('--cfg-options', 'test_dataloader.dataset.split=val'),
        cwd=train.folder,
        **dict(GPUS='0', **cluster.environment),
    )
    assert done.returncode == 0, done.stdout
    metrics = json.loads((train.folder / 'metrics.json').read_text())
    assert metrics['accuracy/top1'] == expected['accuracy/top1']
