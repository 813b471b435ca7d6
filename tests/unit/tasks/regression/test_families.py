"""What the configs of the families have in common, and a small training."""

import json
from pathlib import Path

import pytest
from mmengine.runner import Runner

pytest.importorskip('mmpretrain')

from mmengine.config import Config  # noqa: E402

from sema_mm.tasks.regression import RCFMNIST  # noqa: E402
from tests.helpers import tiny_data  # noqa: E402
from tests.integration.test_configs import CONFIGS, load  # noqa: E402

FAMILY = [
    name
    for name, path in CONFIGS.items()
    if path.parent.parent.name == 'regression'
]
AGES = [name for name in FAMILY if 'rcfmnist' not in name]
ANGLES = [name for name in FAMILY if 'rcfmnist' in name]
SMALL_FAMILY = [name for name in FAMILY if name.endswith('10k')]
SMALL = 'resnet18-w16_1xb100-sema-coslr-10e_rcfmnist-10k'


@pytest.mark.parametrize('name', FAMILY)
def test_the_best_checkpoint_is_that_of_the_smallest_error(name):
    cfg = load(name)
    checkpoint = cfg['default_hooks']['checkpoint']
    if 'save_best' in checkpoint:
        assert checkpoint['save_best'] == 'regression/mae'
        assert checkpoint['rule'] == 'less'
    assert ('save_best' in checkpoint) == (name not in SMALL_FAMILY)
    for split in ('val', 'test'):
        evaluator = cfg[f'{split}_evaluator']
        assert evaluator.get('period') == (360 if name in ANGLES else None)


@pytest.mark.parametrize('name', AGES)
def test_ages_are_validated_on_other_images_than_tested(name):
    sets = [
        load(name)[f'{split}_dataloader']['dataset']
        for split in ('train', 'val', 'test')
    ]
    parts = [one.get('split') or one['ann_file'] for one in sets]
    assert [Path(part).stem for part in parts] == ['train', 'val', 'test']


@pytest.fixture(scope='module')
def fashion(tmp_path_factory):
    root = tmp_path_factory.mktemp('fashion')
    tiny_data.write_fashion_mnist(root, 10_000)  # as in the test file
    return str(root)


@pytest.mark.parametrize('name', sorted({*ANGLES} - {*SMALL_FAMILY}))
def test_angles_are_validated_on_other_images_than_tested(name, fashion):
    images = []
    for split in ('val', 'test'):
        given = load(name)[f'{split}_dataloader']['dataset']
        assert given['split'] == 'test'
        dataset = RCFMNIST(
            split='test', data_root=fashion, indices=given['indices']
        )
        images += [dataset.get_data_info(n)['index'] for n in (0, -1)]
        assert len(dataset) == 5_000
    assert images == [0, 4_999, 5_000, 9_999]


@pytest.mark.parametrize('name', ANGLES)
def test_colours_mislead_in_the_test_alone(name):
    cfg = load(name)
    colours = [
        cfg[f'{split}_dataloader']['dataset']['colours']
        for split in ('train', 'val', 'test')
    ]
    first = 'random' if name in SMALL_FAMILY else 'angle'
    assert colours == [first, 'random', 'reversed']


@pytest.mark.slow
def test_a_small_training_keeps_the_best_average(tmp_path):
    tiny_data.write_fashion_mnist(tmp_path / 'data', 200)
    cfg = Config(load(SMALL))
    for split, images in (('train', 200), ('val', 60)):
        dataset = cfg[f'{split}_dataloader'].dataset
        dataset.update(data_root=str(tmp_path / 'data'), indices=images)
    cfg.train_cfg.max_epochs = 3
    cfg.default_hooks.checkpoint.update(
        save_best='regression/mae', rule='less'
    )
    cfg.update(work_dir=str(tmp_path), experiment_name='small_regression')
    Runner.from_cfg(cfg).train()
    (log,) = tmp_path.glob('*/vis_data/scalars.json')
    lines = map(json.loads, log.read_text().splitlines())
    rows = [line for line in lines if 'regression/mae' in line]
    errors = {row['step']: row['regression/mae'] for row in rows}
    best = min(errors, key=errors.get)
    (kept,) = tmp_path.glob('best_regression_mae_*.pth')
    assert kept == Path(tmp_path, f'best_regression_mae_epoch_{best}.pth')
    for row in rows:
        # The average and what the optimizer left, by every measure.
        for item in ('mae', 'rmse', 'angular_error'):
            name = f'regression/{item}'
            assert row[name] != row[f'{name}_origin']
            assert 20 < row[name] < 200
        assert row['regression/angular_error'] <= row['regression/mae']
