"""The wheel holds all of the package and works outside the checkout."""

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import sema_mm

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """A wheel of a copy of the project: building leaves files behind."""
    copy = tmp_path_factory.mktemp('project')
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for path in (ROOT / 'sema_mm').rglob('*'):
        if path.is_file() and path.suffix != '.pyc':
            target = copy / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    pip = [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--quiet']
    subprocess.run(
        [*pip, '--no-build-isolation', '-w', str(copy / 'made'), str(copy)],
        check=True,
    )
    return next((copy / 'made').iterdir())


@pytest.mark.slow
class TestWheel:
    def test_holds_every_module_and_nothing_else(self, wheel):
        wanted = {
            path.relative_to(ROOT).as_posix()
            for pattern in ('*.py', 'py.typed')
            for path in (ROOT / 'sema_mm').rglob(pattern)
        }
        names = zipfile.ZipFile(wheel).namelist()
        assert {n for n in names if '.dist-info/' not in n} == wanted

    def test_metadata(self, wheel):
        archive = zipfile.ZipFile(wheel)
        path = next(n for n in archive.namelist() if n.endswith('/METADATA'))
        fields = email.message_from_bytes(archive.read(path))
        assert fields['Version'] == sema_mm.__version__
        assert fields['Requires-Python'] == '>=3.9'
        extras = {'openmmlab', 'onedl', 'analysis', 'tests'}
        assert set(fields.get_all('Provides-Extra')) == extras
        required = [
            line
            for line in fields.get_all('Requires-Dist')
            if 'extra ==' not in line
        ]
        assert [line.split('>')[0] for line in required] == ['torch']

    def test_works_outside_the_checkout(self, wheel, tmp_path):
        target = tmp_path / 'target'
        pip = [sys.executable, '-m', 'pip', 'install', '--no-deps', '--quiet']
        subprocess.run(
            [*pip, '--no-index', '--target', str(target), str(wheel)],
            check=True,
        )
        code = (
            f'import sys; sys.path.insert(0, {str(target)!r}); '
            'import sema_mm; print(sema_mm.__file__)'
        )
        # -I keeps the current folder and PYTHONPATH out of the search.
        found = subprocess.check_output(
            [sys.executable, '-I', '-c', code], cwd=tmp_path, text=True
        )
        assert Path(found.strip()) == target / 'sema_mm' / '__init__.py'
        assert (target / 'sema_mm' / 'py.typed').is_file()
