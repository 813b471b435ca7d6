"""The wheel holds the package with its configs and works by itself."""

import email
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import sema_mm

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE')
SHIPPED = ('sema_mm', 'configs', 'tools', 'model-index.yml')
DIGITS = 'digits/resnet18-w16_1xb32-sema-coslr-15e_digits.py'

#: Reads one config by its name in three ways.
READ_BY_NAME = f"""
from mmengine.config import Config
from mmengine.hub import get_config
import sema_mm
from sema_mm.config.config_file import load_config
name = 'sema_mm::{DIGITS}'
open('based.py', 'w').write(f'_base_ = {{name!r}}')
first, second = Config.fromfile('based.py'), get_config(name)
assert first.to_dict() == second.to_dict() == load_config(name).to_dict()
assert '_scope_' not in first.pretty_text
print(sema_mm.__file__, second.filename)
"""

#: Reads pure-Python configs as another library's train.py does, which does
#: not import this package.
READ_BASES = """
import sys
from mmengine.config import Config
for method in ('none', 'ema', 'sema'):
    module = f'sema_mm.configs.averaging.{method}'
    open('lazy.py', 'w').write(
        'from mmengine.config import read_base\\n'
        f'with read_base():\\n    from {module} import *\\n'
    )
    hooks = Config.fromfile('lazy.py').custom_hooks
    assert 'sema_mm' not in sys.modules
    print(method, [(h.type, h.switch_interval) for h in hooks])
"""


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """A copy of the project: building leaves files behind."""
    copy = tmp_path_factory.mktemp('project')
    unwanted = shutil.ignore_patterns('__pycache__')
    for name in (*SOURCES, *SHIPPED):
        source, target = ROOT / name, copy / name
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=unwanted)
        else:
            shutil.copyfile(source, target)
    return copy


def build_wheel(source, folder):
    pip = [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--quiet']
    subprocess.run(
        [*pip, '--no-build-isolation', '-w', str(folder), str(source)],
        check=True,
    )
    return next(folder.iterdir())


@pytest.fixture(scope='module')
def wheel(project):
    return build_wheel(project, project / 'made')


@pytest.fixture(scope='module')
def target(wheel, tmp_path_factory):
    """A folder that the wheel is installed into."""
    folder = tmp_path_factory.mktemp('target')
    pip = [sys.executable, '-m', 'pip', 'install', '--no-deps', '--quiet']
    subprocess.run(
        [*pip, '--no-index', '--target', str(folder), str(wheel)], check=True
    )
    return folder


@pytest.fixture
def python(target, tmp_path):
    """Run Python, with the wheel's package, in an empty folder."""
    env = {**os.environ, 'PYTHONPATH': str(target), 'OMP_NUM_THREADS': '1'}

    def run(*arguments):
        return subprocess.check_output(
            [sys.executable, *map(str, arguments)],
            cwd=tmp_path,
            env=env,
            text=True,
        )

    return run


def names_in(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    return {name for name in names if '.dist-info/' not in name}


@pytest.mark.slow
class TestWheel:
    def test_holds_the_package_and_what_mim_reads(self, wheel):
        wanted = {'sema_mm/py.typed', 'sema_mm/.mim/model-index.yml'}
        for folder, prefix in (
            ('sema_mm', ''),
            ('configs', 'sema_mm/.mim/'),
            ('tools', 'sema_mm/.mim/'),
        ):
            wanted |= {
                prefix + path.relative_to(ROOT).as_posix()
                for path in (ROOT / folder).rglob('*')
                if path.suffix in ('.py', '.sh', '.yml', '.md')
                and not path.is_relative_to(ROOT / 'sema_mm' / '.mim')
            }
        assert names_in(wheel) == wanted
        assert wheel.stat().st_size < 1e6

    def test_source_distribution_makes_the_same_wheel(
        self, wheel, project, tmp_path
    ):
        code = (
            'import sys; from setuptools.build_meta import build_sdist; '
            'build_sdist(sys.argv[1])'
        )
        made = tmp_path / 'made'
        subprocess.run(
            [sys.executable, '-c', code, str(made)],
            cwd=project,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        (archive,) = made.iterdir()
        shutil.unpack_archive(archive, tmp_path / 'source')
        (source,) = (tmp_path / 'source').iterdir()
        again = build_wheel(source, tmp_path / 'wheels')
        assert names_in(again) == names_in(wheel)

    def test_metadata(self, wheel):
        archive = zipfile.ZipFile(wheel)

        def read(end):
            name = next(n for n in archive.namelist() if n.endswith(end))
            return archive.read(name)

        fields = email.message_from_bytes(read('/METADATA'))
        assert fields['Version'] == sema_mm.__version__
        assert fields['Requires-Python'] == '>=3.9'
        assert set(fields.get_all('Provides-Extra')) == {
            *('openmmlab', 'onedl', 'digits', 'regression', 'safetensors'),
            'tests',
        }
        required = [
            line
            for line in fields.get_all('Requires-Dist')
            if 'extra ==' not in line
        ]
        assert [line.split('>')[0] for line in required] == ['torch']
        assert b'sema-mm = sema_mm.cli.main:main' in read('/entry_points.txt')

    def test_configs_by_name(self, target, python):
        package, config = python('-c', READ_BY_NAME).split()
        assert Path(package) == target / 'sema_mm' / '__init__.py'
        assert Path(config) == target / 'sema_mm/.mim/configs' / DIGITS

    def test_pure_python_configs(self, python):
        assert python('-c', READ_BASES).splitlines() == [
            'none []',
            "ema [('sema_mm.SwitchEMAHook', None)]",
            "sema [('sema_mm.SwitchEMAHook', 1)]",
        ]

    @pytest.mark.parametrize('tool', ['command', 'script of mim'])
    def test_prints_a_plan(self, target, python, tool):
        script = [target / 'sema_mm/.mim/tools/print_config.py']
        if tool == 'command':
            script = [target / 'bin/sema-mm', 'print-config']
        options = ('--dataset-length', '1000', '--plan-only')
        text = python(*script, f'sema_mm::{DIGITS}', *options)
        assert '# switch after epoch 1, 2, 3, ..., 15: 15 in all' in text
