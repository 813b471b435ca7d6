"""A file of convert_checkpoint is read without this package."""

import subprocess
import sys

import pytest
import torch

from tests.helpers.exact import assert_same
from tests.helpers.old_checkpoints import (
    MODEL_CONFIGS,
    build,
    output_of,
    save_old,
    shaken,
)
from tests.helpers.tool_runs import environment


@pytest.mark.slow
def test_mmdet_loads_it_without_this_package(tmp_path, convert):
    pytest.importorskip('mmdet')
    config = tmp_path / 'retinanet.py'
    config.write_text(
        f"model = {MODEL_CONFIGS['mmdet']!r}\ndefault_scope = 'mmdet'\n"
    )
    origin = build(MODEL_CONFIGS['mmdet'], 'mmdet')
    average = shaken(origin, 1)
    old = save_old(
        tmp_path / 'epoch_2.pth', average, origin, CLASSES=tuple('abcde')
    )
    path, _ = convert(old, 'retinanet.pth', '--export', 'average')
    code = (
        "import sys; sys.modules['sema_mm'] = None\n"
        'import torch\n'
        'from mmdet.apis import init_detector\n'
        f'model = init_detector({str(config)!r}, {str(path)!r}, '
        "device='cpu', palette='random')\n"
        "assert model.dataset_meta['classes'] == tuple('abcde')\n"
        'images = torch.randn(2, 3, 64, 64, '
        'generator=torch.manual_seed(1))\n'
        'with torch.no_grad():\n'
        "    torch.save(model(images), 'outputs.pth')\n"
    )
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        cwd=tmp_path,
        env={**environment(), 'PYTHONPATH': ''},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert 'size mismatch' not in done.stdout
    assert_same(torch.load(tmp_path / 'outputs.pth'), output_of(average))
