"""Imports point one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / 'sema_mm'
MODULES = sorted(ROOT.rglob('*.py'))
# A part of the package, and what it may import from the package.
MAY_IMPORT = {
    'engines': {'engines'},
    'strategies': {'checkpoint', 'engines', 'strategies'},
    'averaging': {'averaging', 'engines'},
    'hooks': {
        'averaging',
        'engines',
        'hooks',
        'strategies',
        'checkpoint',
        'files',
        '__init__',
    },
    'evaluation': {'averaging', 'engines', 'evaluation'},
    'analysis': {'analysis', 'averaging'},
    'datasets': {'datasets'},
    'models': {'models'},
    'tasks': {'tasks'},
    'checkpoint': {'harmless'},
    'harmless': set(),
    'files': set(),
    'version': set(),
    '__init__': {'averaging', 'hooks', 'strategies', 'version'},
}
# Modules that know nothing but the standard library, or torch.
ONLY = {
    'averaging/arguments.py': set(),
    'averaging/momentum.py': set(),
    'averaging/switch_schedule.py': set(),
    'averaging/functional.py': {'torch'},
    'averaging/finite_check.py': {'torch'},
    'averaging/room.py': {'torch'},
    'averaging/side_stream.py': {'torch'},
    'averaging/tensor_group.py': {'torch'},
    'averaging/cast_group.py': {'torch'},
    'averaging/host_group.py': {'torch'},
    'averaging/joined_group.py': {'torch'},
    'averaging/grouping.py': {'torch'},
    'averaging/batch_norm.py': {'torch', 'sema_mm'},
    'averaging/nonfinite_guard.py': {'torch'},
}


def imports(path):
    """Yield the absolute names of the modules that a module imports."""
    package = ('sema_mm', *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            start = list(base) if node.level else []
            module = [node.module] if node.module else []
            if module or not node.level:
                yield '.'.join(start + module)
            else:
                yield from ('.'.join([*start, a.name]) for a in node.names)


def part(name):
    names = name.split('.')
    return names[1] if len(names) > 1 else '__init__'


@pytest.mark.parametrize('path', MODULES, ids=lambda p: p.stem)
def test_parts_import_only_what_they_may(path):
    own = path.relative_to(ROOT).parts[0].replace('.py', '')
    ours = {part(n) for n in imports(path) if n.startswith('sema_mm')}
    assert ours <= MAY_IMPORT[own]


@pytest.mark.parametrize('name, allowed', ONLY.items())
def test_leaves_depend_on_little(name, allowed):
    used = {n.split('.')[0] for n in imports(ROOT / name)}
    assert used & {'torch', 'mmengine', 'numpy'} <= allowed


@pytest.mark.slow
def test_the_package_needs_only_torch_and_mmengine():
    code = (
        'import sys, sema_mm; '
        "bad = {'mmcv', 'mmdet', 'mmpretrain', 'sklearn', 'matplotlib'}; "
        'sys.exit(str(bad & sys.modules.keys()) if bad & sys.modules.keys() '
        'else 0)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    # mmengine itself draws with matplotlib
    assert done.stderr in ('', "{'matplotlib'}\n"), done.stderr


def test_a_missing_engine_is_one_sentence(tmp_path):
    code = (
        "import sys; sys.modules['mmengine'] = None\n"
        'try:\n    import sema_mm\n'
        'except ImportError as error:\n    print(error)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert 'pip install mmengine' in done.stdout
    assert done.stdout.count('\n') == 1
