"""The set-up says in one sentence what is missing and takes nothing half."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from environment import (
    checks,
    mmcv_wheel,
    ninja_with_header,
    set_up,
    stacks,
    steps,
    torch_build,
)

ROOT = Path(__file__).resolve().parents[2]


# Variables through which a make that runs these tests reaches ours.
MAKE = ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'STACK', 'VENV', 'PYTHON')


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A PATH of its own: a function adds shell scripts to it."""
    folder = tmp_path / 'commands'
    folder.mkdir()
    monkeypatch.setenv('PATH', str(folder))
    ours = ('CXX', 'CUDA_HOME', 'CUDA_PATH', 'SEMA_MM_CPU_ONLY')
    for name in MAKE + ours:
        monkeypatch.delenv(name, raising=False)

    def add(name, script):
        path = folder / name
        path.write_text(f'#!/bin/sh\n{script}\n')
        path.chmod(0o755)

    return add


@pytest.fixture
def no_network(tmp_path, monkeypatch):
    """Empty caches, and an index on a port where nothing listens."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setenv('PIP_CONFIG_FILE', os.devnull)
    monkeypatch.setenv('PIP_INDEX_URL', 'http://127.0.0.1:9/simple')
    monkeypatch.setenv('PIP_RETRIES', '1')
    for name in ('PIP_FIND_LINKS', 'PIP_EXTRA_INDEX_URL'):
        monkeypatch.delenv(name, raising=False)


def run_set_up(venv, *arguments):
    """Runs the set-up as make does and returns its status and last line."""
    done = subprocess.run(
        [sys.executable, '.dev', '--venv', str(venv), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stderr.strip()


def assert_refused(result, venv, *words):
    """The set-up failed with one line that holds the words, and no stamp."""
    code, sentence = result
    assert code != 0
    assert sentence.startswith('error: ')
    assert '\n' not in sentence
    for word in words:
        assert word in sentence
    assert not (venv / set_up.STAMP).exists()


class TestInterpreter:
    @pytest.mark.parametrize('version', [(3, 8, 18), (3, 13, 0)])
    def test_unsupported_version_is_refused(self, version):
        code = (
            'import runpy, sys; '
            f'sys.version_info = {version}; '
            "runpy.run_path('.dev')"
        )
        done = subprocess.run(
            [sys.executable, '-c', code],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert done.stderr == (
            f'error: Python 3.{version[1]} does not fit: use Python 3.9 to '
            '3.12 (make PYTHON=/path/to/python3.11).\n'
        )

    def test_a_stack_may_want_a_newer_python(self, monkeypatch):
        monkeypatch.setattr(sys, 'version_info', (3, 9, 18))
        set_up.check_python(stacks.read_stack('openmmlab'))
        with pytest.raises(steps.SetUpError, match='fit the stack onedl'):
            set_up.check_python(stacks.read_stack('onedl'))

    def make(self, *arguments):
        make = shutil.which('make', path=os.defpath)
        return subprocess.run(
            [make, 'setup', *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    def test_make_skips_interpreters_that_do_not_run(self, commands):
        commands('python3.11', 'echo "command not found" >&2; exit 127')
        commands('python3.12', 'test "$1" = -c || echo "$0 $*"')
        commands('python3', 'echo "it is not my turn"')
        done = self.make('VENV=somewhere')
        assert done.returncode == 0
        assert done.stdout.split('/')[-1] == (
            'python3.12 .dev --venv somewhere --stack openmmlab\n'
        )

    def test_make_takes_the_one_that_is_named(self, commands, tmp_path):
        commands('python3.11', 'echo "nobody named me"')
        commands('mine', 'test "$1" = -c || echo mine')
        done = self.make(f'PYTHON={tmp_path}/commands/mine')
        assert done.stdout == 'mine\n'

    def test_make_says_that_none_fits(self, commands):
        commands('python3', 'exit 1')
        done = self.make()
        assert done.returncode != 0
        sentence = done.stderr.splitlines()[0]
        assert sentence.startswith('error: no Python 3.9 to 3.12 among')
        assert sentence.endswith('make PYTHON=/path/to/python3.11.')


class TestRefusals:
    def test_no_compiler(self, commands, no_network, tmp_path):
        venv = tmp_path / 'venv'
        assert_refused(run_set_up(venv), venv, 'no C++ compiler', 'g++')
        assert not venv.exists()

    def test_gpu_without_nvcc(self, commands, no_network, tmp_path):
        commands('nvidia-smi', 'echo 9.0')
        venv = tmp_path / 'venv'
        result = run_set_up(venv)
        assert_refused(result, venv, 'no nvcc', 'SEMA_MM_CPU_ONLY=1')

    def test_no_network(self, no_network, tmp_path):
        venv = tmp_path / 'venv'
        result = run_set_up(venv)
        assert_refused(result, venv, 'registry cannot be reached')

    def test_folder_of_something_else(self, no_network, tmp_path):
        venv = tmp_path / 'thesis'
        venv.mkdir()
        (venv / 'chapter.txt').write_text('years of work')
        result = run_set_up(venv)
        assert_refused(result, venv, 'not a virtual environment', 'VENV=')
        assert (venv / 'chapter.txt').read_text() == 'years of work'

    def test_nvcc_of_another_cuda_than_torch(self, tmp_path):
        python = tmp_path / 'python'
        python.write_text('#!/bin/sh\necho 12.8\n')
        python.chmod(0o755)
        mmcv_wheel._check_cuda('cuda12.4-sm90', python)
        with pytest.raises(steps.SetUpError, match='13.0 and torch of .*12.8'):
            mmcv_wheel._check_cuda('cuda13.0-sm90', python)


class TestOps:
    def test_cpu_without_gpu(self, commands):
        commands('nvidia-smi', 'echo "NVIDIA-SMI has failed"; exit 9')
        assert checks.choose_ops() == 'cpu'

    def test_cuda_with_gpu_and_nvcc(self, commands):
        commands('nvidia-smi', 'echo 9.0; echo 8.6; echo 9.0')
        commands('nvcc', 'echo "Cuda compilation tools, release 12.8, V12"')
        assert checks.choose_ops() == 'cuda12.8-sm86-sm90'

    def test_cpu_on_demand(self, commands, monkeypatch):
        commands('nvidia-smi', 'echo 9.0')
        monkeypatch.setenv('SEMA_MM_CPU_ONLY', '1')
        assert checks.choose_ops() == 'cpu'


class TestBuildOfTorch:
    PINS = ('torch==2.8.0', 'torchvision==0.23.0')

    def builds(self, commands, tmp_path, offered):
        cases = ''.join(
            f'*" {name} "*) echo "Available versions: {versions}";; '
            for name, versions in offered.items()
        )
        commands('python', f'case "$* " in {cases} *) exit 1;; esac')
        python = tmp_path / 'commands' / 'python'
        return torch_build.cpu_builds(self.PINS, python)

    def test_cpu_builds_of_both(self, commands, tmp_path):
        offered = {'torch': '2.9.0+cpu, 2.8.0+cpu, 2.8.0'}
        offered['torchvision'] = '0.23.0, 0.23.0+cpu'
        assert self.builds(commands, tmp_path, offered) == [
            'torch==2.8.0+cpu',
            'torchvision==0.23.0+cpu',
        ]

    @pytest.mark.parametrize('versions', ['0.23.0', '0.24.0+cpu', ''])
    def test_a_build_of_one_is_not_enough(self, commands, tmp_path, versions):
        offered = {'torch': '2.8.0+cpu', 'torchvision': versions}
        assert not self.builds(commands, tmp_path, offered)

    def test_index_that_cannot_be_asked(self, commands, tmp_path):
        assert not self.builds(commands, tmp_path, {})


class TestSize:
    def text(self, has_wheel=False):
        stack = stacks.read_stack('openmmlab')
        return set_up.describe(Path('/a/venv'), stack, has_wheel)

    def test_said_before_anything_is_done(self, commands):
        text = self.text()
        assert '7 GB' in text and '2 GB where' in text
        assert 'mmcv==2.1.0 with its operators (3 minutes on 2' in text
        assert 'kept from an earlier set-up' in self.text(has_wheel=True)

    def test_a_gpu_needs_the_whole(self, commands):
        commands('nvidia-smi', 'echo 9.0')
        assert '2 GB' not in self.text()


class TestStamp:
    @pytest.fixture
    def venv(self, tmp_path):
        """An environment that runs and holds a package, with a stamp."""
        venv = tmp_path / 'venv'
        (venv / 'bin').mkdir(parents=True)
        (venv / 'bin' / 'python').symlink_to(sys.executable)
        (venv / set_up.STAMP).write_text('made from this')
        # What makes the link a virtual environment: the one of the tests.
        config = Path(sys.prefix, 'pyvenv.cfg')
        (venv / 'pyvenv.cfg').write_bytes(config.read_bytes())
        self.install(venv, 'torch', '2.8.0+cpu')
        return venv

    def install(self, venv, name, version):
        python = f'python3.{sys.version_info[1]}'
        packages = venv / 'lib' / python / 'site-packages'
        info = packages / f'{name}-{version}.dist-info'
        info.mkdir(parents=True)
        (info / 'METADATA').write_text(f'Name: {name}\nVersion: {version}\n')

    def is_whole(self, venv, stamp='made from this', **pins):
        stack = stacks.Stack('any', pins or {'torch': '2.8.0'})
        return set_up.is_whole(venv, stack, stamp)

    def test_whole(self, venv):
        assert self.is_whole(venv)

    def test_made_from_something_else(self, venv):
        assert not self.is_whole(venv, 'made from that')

    def test_unfinished(self, venv):
        (venv / set_up.STAMP).unlink()
        assert not self.is_whole(venv)

    def test_interpreter_is_gone(self, venv):
        (venv / 'bin' / 'python').unlink()
        (venv / 'bin' / 'python').symlink_to(venv / 'removed')
        assert not self.is_whole(venv)

    def test_interpreter_is_broken(self, venv):
        (venv / 'bin' / 'python').unlink()
        (venv / 'bin' / 'python').symlink_to('/bin/false')
        assert not self.is_whole(venv)

    def test_package_is_gone(self, venv):
        assert not self.is_whole(venv, torch='2.8.0', mmcv='2.1.0')
        self.install(venv, 'mmcv', '2.1.0')
        assert self.is_whole(venv, torch='2.8.0', mmcv='2.1.0')

    def test_package_was_replaced(self, venv):
        assert not self.is_whole(venv, torch='2.9.0')

    def test_depends_on_all_that_matters(self, venv, tmp_path, monkeypatch):
        stack = stacks.read_stack('openmmlab')

        def stamps():
            yield set_up.fingerprint(venv, stack, 'cpu')
            yield set_up.fingerprint(venv, stack, 'cuda12.8-sm90')
            yield set_up.fingerprint(tmp_path / 'other', stack, 'cpu')
            other = stacks.read_stack('onedl')
            yield set_up.fingerprint(venv, other, 'cpu')
            with monkeypatch.context() as patch:
                patch.setattr(sys, 'version', '3.12.1 (main)')
                yield set_up.fingerprint(venv, stack, 'cpu')
            with monkeypatch.context() as patch:
                requirements = tmp_path / 'requirements.txt'
                requirements.write_text('torch==3.0\n')
                patch.setattr(stacks.Stack, 'requirements', [requirements])
                yield set_up.fingerprint(venv, stack, 'cpu')
            with monkeypatch.context() as patch:
                patch.setattr(stacks.Stack, 'constraints', [requirements])
                yield set_up.fingerprint(venv, stack, 'cpu')

        made = list(stamps())
        assert len(set(made)) == len(made) == 7
        assert set_up.fingerprint(venv, stack, 'cpu') == made[0]

    def test_old_environment_goes_before_the_new_one_comes(
        self, venv, monkeypatch
    ):
        (venv / 'left-over').write_text('')

        class Interrupted:
            def run(self, *_):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            set_up.make_empty(venv, Interrupted())
        assert not venv.exists()


class TestWheel:
    def test_folder_depends_on_what_the_wheel_does(self, monkeypatch):
        def folder(torch='2.8.0', mmcv='2.1.0', ops='cpu'):
            stack = stacks.Stack('any', {'torch': torch, 'mmcv': mmcv})
            return mmcv_wheel.wheel_folder(stack, ops, Path('/cache'))

        monkeypatch.setattr(sys, 'version_info', (3, 11, 7))
        name = 'mmcv-2.1.0-torch2.8.0-cp311-cpu'
        assert folder() == Path('/cache/wheels', name)
        others = {
            folder(torch='2.9.0'),
            folder(mmcv='2.2.0'),
            folder(ops='cuda12.8-sm90'),
        }
        monkeypatch.setattr(sys, 'version_info', (3, 12, 1))
        others.add(folder())
        assert len(others) == 4
        assert Path('/cache/wheels', name) not in others

    def test_cache_is_where_the_user_wants_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv('HOME', str(tmp_path))
        monkeypatch.setenv('XDG_CACHE_HOME', '')
        assert set_up.cache_folder() == tmp_path / '.cache' / 'sema_mm'
        monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'mine'))
        assert set_up.cache_folder() == tmp_path / 'mine' / 'sema_mm'

    @pytest.mark.parametrize('name', ['openmmlab', 'onedl'])
    def test_stacks_pin_what_the_set_up_names(self, name):
        stack = stacks.read_stack(name)
        assert stack.mmcv in ('mmcv', 'onedl-mmcv')
        names = 'torch torchvision numpy setuptools wheel ninja opencv-python'
        assert len(stack.pinned(*names.split())) == 7

    @pytest.mark.parametrize(
        'ops, wanted',
        [
            ('cpu', {'FORCE_CUDA': '0', 'CUDA_VISIBLE_DEVICES': ''}),
            (
                'cuda12.8-sm86-sm120',
                {'FORCE_CUDA': '1', 'TORCH_CUDA_ARCH_LIST': '8.6;12.0'},
            ),
        ],
    )
    def test_device_of_the_build(self, tmp_path, ops, wanted):
        python = tmp_path / 'bin' / 'python'
        env = mmcv_wheel._build_environment(ops, python, tmp_path)
        assert wanted.items() <= env.items()
        assert env['MMCV_WITH_OPS'] == '1'
        assert shutil.which('ninja', path=env['PATH']) == f'{tmp_path}/ninja'

    def test_locked_versions_are_those_of_the_stack(self):
        folder = ROOT / 'requirements'
        paths = list((folder / 'locked').iterdir())
        assert paths
        for path in paths:
            locked = path.read_text().splitlines()
            for named in (path.name.split('-')[0], 'common'):
                text = (folder / f'{named}.txt').read_text()
                pins = [line for line in text.splitlines() if '==' in line]
                # pip freeze leaves out what every environment has.
                pins = [p for p in pins if p[:5] not in ('setup', 'wheel')]
                assert set(pins) <= set(locked)

    @pytest.mark.skipif(not shutil.which('g++'), reason='needs GCC')
    def test_compiler_takes_the_precompiled_header(self, tmp_path):
        header = tmp_path / 'include' / ninja_with_header.HEADER
        header.parent.mkdir()
        header.write_text('static const int answer = ANSWER;\n')
        source = tmp_path / 'op.cpp'
        source.write_text('#include <climits>\nint f() { return answer; }\n')
        build_file = tmp_path / 'build.ninja'
        build_file.write_text(
            f'cxx = g++\n\ncflags = -DANSWER=42 -I{header.parent} -O1\n'
            'post_cflags = -std=c++17\ncuda_cflags = -O2\n'
        )
        stand_in = [sys.executable, ninja_with_header.__file__]
        done = subprocess.run(
            [*stand_in, shutil.which('echo'), '-v', '-j', '2'],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.endswith('\n-v -j 2\n')

        lines = dict(
            line.split(' = ')
            for line in build_file.read_text().splitlines()
            if line
        )
        assert lines['cuda_cflags'] == '-O2'

        def included(flags):
            command = ['g++', '-H', *flags.split(), '-std=c++17', '-c']
            done = subprocess.run(
                [*command, str(source), '-o', str(tmp_path / 'op.o')],
                capture_output=True,
                text=True,
                check=True,
            )
            return done.stderr

        assert f'! {header}.gch' in included(lines['cflags'])
        other = lines['cflags'].replace('42', '41')
        assert f'! {header}.gch' not in included(other)

    def test_ninja_alone_where_there_is_no_header(self, tmp_path):
        build_file = f'cxx = c++\ncflags = -I{tmp_path}\npost_cflags =\n'
        assert ninja_with_header.find_header(build_file) is None
        assert ninja_with_header.find_header('') is None


class TestSteps:
    def python(self, code):
        return [sys.executable, '-c', code]

    def test_failure_is_one_sentence(self, tmp_path):
        running = steps.Steps(tmp_path / 'log')
        code = 'print("error: no such thing\\nhint: none"); exit(1)'
        with pytest.raises(steps.SetUpError) as failure:
            running.run('testing', self.python(code))
        assert str(failure.value) == (
            'This step failed (testing): error: no such thing; '
            f'the whole output is in {tmp_path}/log.'
        )

    @pytest.mark.parametrize(
        'output, reason',
        [
            ('a.h:3:1: error: no ; here\nERROR: no wheel', 'error: no ; here'),
            ('error: first\nERROR: last\nhint', 'ERROR: last'),
            ('something\nTypeError: an int', 'TypeError: an int'),
        ],
    )
    def test_reason_is_the_line_that_helps(self, tmp_path, output, reason):
        running = steps.Steps(tmp_path / 'log')
        with pytest.raises(
            steps.SetUpError, match=f'[(]testing[)]: {reason};'
        ):
            running.run(
                'testing', self.python(f'exit(print({output!r}) or 1)')
            )

    def test_silent_failure(self, tmp_path):
        running = steps.Steps(tmp_path / 'log')
        with pytest.raises(steps.SetUpError, match='no output'):
            running.run('testing', self.python('exit(1)'))

    def test_signs_of_life(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(steps, 'HEARTBEAT_SECONDS', 0.2)
        code = (
            'import time; print("  [3/79] c++ a.cpp", flush=True); '
            'time.sleep(1)'
        )
        steps.Steps(tmp_path / 'log').run('building', self.python(code))
        first, *others = capsys.readouterr().out.splitlines()
        assert first == '[   0 s] building'
        assert '... 3 of 79 files compiled' in others[-1]

    def test_interruption_ends_all_that_was_started(
        self, tmp_path, monkeypatch
    ):
        fifo = tmp_path / 'fifo'
        os.mkfifo(fifo)
        opened = []

        def interrupt(*_):
            opened.append(open(fifo))
            assert opened[0].readline() == 'alive\n'
            raise KeyboardInterrupt

        running = steps.Steps(tmp_path / 'log')
        monkeypatch.setattr(running, '_wait', interrupt)
        # A child of the command holds the fifo open for as long as it lives.
        child = '(echo alive; sleep 60; echo still alive)'
        with pytest.raises(KeyboardInterrupt):
            running.run('testing', ['sh', '-c', f'{child} > {fifo} & wait'])
        with opened[0] as text:
            assert text.read() == ''

    def test_progress_of_pip(self):
        log = 'Collecting torch\n  Downloading torch-2.whl (888 MB)\nnoise\n'
        assert steps.progress(log) == 'Downloading torch-2.whl (888 MB)'
        assert steps.progress('') == 'still running'
