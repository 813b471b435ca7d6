"""The commands of the Hessian and the landscape, on digits."""

import csv
import importlib
import json
import sys

import pytest
import torch
from torch.nn.functional import cross_entropy

from sema_mm.tasks.classification import Digits
from tests.helpers.tool_runs import ROOT

pytest.importorskip('mmpretrain')

CONFIG = ROOT / 'configs/digits/resnet18-w16_1xb32-sema-coslr-15e_digits.py'
SMALL = [
    '--cfg-options',
    'model.backbone.base_channels=4',
    'model.backbone.stem_channels=4',
    'model.head.in_channels=32',
]


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run a tool in this process; give what it wrote, or its error."""
    monkeypatch.chdir(tmp_path)

    def run(name, *args, out='rows.csv'):
        tool = importlib.import_module(f'research.analysis.{name}.__main__')
        line = [name, CONFIG, *args, '--out', out, *SMALL]
        monkeypatch.setattr(sys, 'argv', [str(part) for part in line])
        try:
            tool.main()
        except SystemExit as error:
            return error.code, capsys.readouterr().err
        with open(out) as file:
            if out.endswith('.json'):
                return json.load(file)
            return list(csv.DictReader(file))

    return run


@pytest.fixture
def checkpoints(run, tmp_path):
    """Three files of random weights, and the models that hold them."""
    from mmengine.registry import init_default_scope

    from research.analysis.classifier import build_classifier
    from sema_mm.cli.launch import merge_options
    from sema_mm.config.config_file import load_config

    cfg = load_config(str(CONFIG))
    options = dict(option.split('=') for option in SMALL[1:])
    merge_options(cfg, {k: int(v) for k, v in options.items()})
    init_default_scope('mmpretrain')
    found = {}
    for seed in range(3):
        torch.manual_seed(seed)
        model = build_classifier(cfg).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
        path = tmp_path / f'{seed}.pth'
        torch.save(dict(state_dict=model.model.state_dict()), path)
        found[path] = model
    return found


def by_hand(model, split):
    """Loss and accuracy on raw digits, normalised as the config says."""
    digits = Digits(split=split, pipeline=[])
    items = [digits[i] for i in range(len(digits))]
    images = torch.stack([torch.from_numpy(item['img']) for item in items])
    labels = torch.tensor([int(item['gt_label']) for item in items])
    inputs = (images.permute(0, 3, 1, 2).float() - 78) / 96
    with torch.no_grad():
        scores = model(inputs)
    right = (scores.argmax(1) == labels).double().mean()
    return cross_entropy(scores, labels).item(), right.item()


@pytest.mark.slow
def test_the_hessian_of_a_checkpoint(run, checkpoints):
    path, model = next(iter(checkpoints.items()))
    rows = run(
        *('hessian', path, '--split', 'val', '--samples', 10**6),
        *('--top', 2, '--trace', 2, '--density', 1),
        *('--radius', 0.01, 0.02, '--sigma', 0.01),
    )
    values = {(r['quantity'], r['at']): float(r['value']) for r in rows}
    loss, right = by_hand(model, 'val')
    assert values['loss', ''] == pytest.approx(loss, rel=1e-4)
    assert values['accuracy', ''] == pytest.approx(right)
    assert values['loss', ''] != pytest.approx(
        by_hand(model, 'test')[0], rel=1e-4
    )
    assert values['eigenvalue', '1'] >= values['eigenvalue', '2']
    rises = [values['worst_case', at] for at in ('0.01', '0.02')]
    assert 0 < rises[0] < rises[1]
    assert {r['quantity'] for r in rows if r['error']} == {
        'trace',
        'average_case',
    }
    assert sum(r['quantity'] == 'density' for r in rows) == 1001
    assert {r['samples'] for r in rows} == {
        str(len(Digits(split='val', pipeline=[])))
    }


@pytest.mark.slow
def test_the_landscape_of_one_two_and_three(run, checkpoints, tmp_path):
    paths, models = checkpoints.keys(), checkpoints.values()
    exact = [by_hand(model, 'test') for model in models]
    same = ('--split', 'test', '--samples', 10**6, '--points', 3)

    def near(row, wanted):
        found = float(row['loss']), float(row['accuracy'])
        return found == pytest.approx(wanted, rel=1e-4)

    first, *_ = paths
    rows = run('landscape', first, *same, '--figure', 'one.png')
    assert near(rows[1], exact[0]) and not near(rows[0], exact[0])
    rows = run(
        *('landscape', *list(paths)[:2], *same, '--figure', 'two.png'),
        out='rows.json',
    )
    assert near(rows[0], exact[0]) and near(rows[2], exact[1])
    assert not near(rows[1], exact[0])
    rows = run(
        'landscape', *paths, *same, '--mode', 'train', '--figure', 'three.png'
    )
    assert len(rows) == 9 and {'x', 'y', 'loss'} < set(rows[0])
    for name in ('one', 'two', 'three'):
        figure = (tmp_path / f'{name}.png').read_bytes()
        assert figure.startswith(b'\x89PNG') and len(figure) > 5000


WRONG = [
    (('hessian', 'no.pth'), 'no.pth can not be found'),
    (('hessian', 'no.pth', '--samples', 0), '--samples must be at least 1'),
    (('landscape', *'abcd'), '4 checkpoints are on no plane'),
    (('landscape', 'a', 'b', '--plane'), '--plane is for one checkpoint'),
    (('landscape', 'a', '--recalibrate'), 'for two or three checkpoints'),
    (
        ('landscape', 'a', 'b', '--recalibrate', '--mode', 'train'),
        'no effect with --mode train',
    ),
    (('landscape', 'a', '--points', 1), '--points 1 must be at least 2'),
]


@pytest.mark.parametrize('args, sentence', WRONG)
def test_wrong_arguments(run, args, sentence):
    code, error = run(*args)
    assert code == 2 and sentence in error and 'Traceback' not in error


def test_wrong_files(run, tmp_path):
    code, error = run('hessian', 'a.pth', out='rows.txt')
    assert code == 2 and '--out must end in .csv or .json' in error
    torch.save(dict(state_dict=dict(a=torch.ones(1))), tmp_path / 'a.pth')
    code, error = run('hessian', 'a.pth')
    assert code == 2 and 'a.pth is of another model' in error
