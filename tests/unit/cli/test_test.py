"""tools/test.py."""

import functools
import importlib
import itertools
import json
import pickle
import re
import sys

import pytest
import torch

from tests.helpers.tool_runs import ROOT, run_tool
from tests.helpers.toy import ToyData, ToyModel, build_runner

DIGITS = ROOT / 'configs' / 'digits'
SEMA = DIGITS / 'resnet18-w16_1xb32-sema-coslr-15e_digits.py'


@pytest.fixture
def tool(monkeypatch):
    return importlib.import_module('sema_mm.cli.test')


@pytest.fixture
def merged(tool, merge):
    return functools.partial(merge, tool, 'a.pth')


def test_checkpoint_and_work_dir(merged):
    cfg = merged(resume=True)
    assert (cfg.load_from, cfg.resume) == ('a.pth', False)
    assert cfg.work_dir == 'work_dirs/toy'
    assert merged('--work-dir', 'b').work_dir == 'b'


def test_predictions_are_one_more_evaluator(merged):
    evaluators = merged('--out', 'b.pkl').test_evaluator
    assert [e['type'] for e in evaluators] == [
        'tests.helpers.toy.ToyMetric',
        'DumpResults',
    ]
    assert evaluators[1]['out_file_path'] == 'b.pkl'
    assert merged('--out', 'b.json').test_evaluator == dict(
        type='tests.helpers.toy.ToyMetric'
    )


@pytest.mark.parametrize(
    ('argument', 'option', 'key', 'value'),
    [
        (('--work-dir', 'a'), 'work_dir=b', 'work_dir', 'b'),
        ((), 'load_from=b.pth', 'load_from', 'b.pth'),
        (('--launcher', 'mpi'), 'launcher=none', 'launcher', 'none'),
    ],
)
def test_cfg_options_win(merged, argument, option, key, value):
    assert merged(*argument, '--cfg-options', option)[key] == value


@pytest.mark.parametrize(
    ('args', 'words'),
    [
        (('toy.py', 'no.pth'), 'there is no checkpoint no.pth'),
        (('no.py', 'no.pth'), 'there is no config no.py'),
        (('toy.py', 'toy.py', '--out', 'a.txt'), '.json or .pkl, not a.txt'),
        (
            ('toy.py', 'toy.py', '--cfg-options', 'test_cfg=None'),
            'has no test_cfg',
        ),
    ],
)
def test_wrong_input(tool, config, args, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['test.py', *args])
    with pytest.raises(SystemExit) as caught:
        tool.main()
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('error: ')
    assert words in line


OURS = dict(
    type='sema_mm.SwitchEMAHook',
    momentum=0.1,
    switch_interval=None,
    evaluate_on_origin=True,
)
THEIRS = dict(type='EMAHook', momentum=0.1)
BUFFERS = dict(update_buffers=True)
#: Options that leave the config with our hook, with mmengine's, with none.
HOOKS = [
    (),
    ('custom_hooks.0.type=EMAHook', 'custom_hooks.0.update_buffers=True'),
    ('custom_hooks=[]',),
]


def test_a_models_own_average_is_tested(merged):
    target = dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=None,
        evaluate_on_target=True,
    )
    hooks = merged(custom_hooks=[OURS, target]).custom_hooks
    assert hooks == [target]


def scored(state):
    """Evaluate weights and buffers with nothing but torch."""
    model, data = ToyModel(), ToyData(12)
    model.load_state_dict(state)
    scores = model.eval()(data.images).softmax(1)
    return scores.gather(1, data.labels[:, None]).mean().item()


@pytest.fixture
def tested(tool, config, tmp_path, monkeypatch, capsys):
    """Test a checkpoint; give the score, and what was said of it."""
    runs = itertools.count()

    def score(checkpoint, *args, options=()):
        out = ('--out', str(tmp_path / 'metrics.json'))
        # Runs of one name in one second would share a logger.
        name = f'experiment_name={tmp_path.name}_{next(runs)}'
        monkeypatch.chdir(tmp_path)
        command = ['test.py', str(config), str(checkpoint), *out, *args]
        command += ['--cfg-options', name, *options]
        monkeypatch.setattr(sys, 'argv', command)
        tool.main()
        metrics = json.loads((tmp_path / 'metrics.json').read_text())
        said = re.findall('Testing (.*)', capsys.readouterr().out)
        return metrics['toy/score'], said

    return score


@pytest.mark.parametrize('averaging', [{}, BUFFERS], ids=['copy', 'average'])
@pytest.mark.parametrize('kind', [OURS, THEIRS], ids=['ours', 'theirs'])
def test_both_weights_of_a_checkpoint(tmp_path, tested, kind, averaging):
    runner = build_runner(tmp_path / 'run', dict(kind, **averaging))
    runner.train()
    path = tmp_path / 'run' / 'epoch_3.pth'
    state = torch.load(path, weights_only=False)
    expected = scored(state['state_dict'])
    other = scored(
        {
            key[len('module.') :]: tensor
            for key, tensor in state['ema_state_dict'].items()
            if key != 'steps'
        }
    )
    assert abs(expected - other) > 1e-3
    for options in HOOKS:
        score, said = tested(path, options=options)
        assert score == pytest.approx(expected, abs=1e-5)
        assert said == ['the average of 18 updates in the checkpoint.']
        score, said = tested(path, '--weights', 'origin', options=options)
        assert score == pytest.approx(other, abs=1e-5)
        assert said == ['the weights of training in the checkpoint.']
    if kind is OURS:
        validated = runner.message_hub.get_scalar
        last = validated('val/toy/score').current()
        assert last == pytest.approx(expected, abs=1e-5)
        last = validated('val/toy/score_origin').current()
        assert last == pytest.approx(other, abs=1e-5)


def test_origin_right_after_a_switch(tmp_path, tested):
    build_runner(tmp_path / 'run', dict(OURS, switch_interval=3)).train()
    for epoch, equal in ((2, False), (3, True)):
        path = tmp_path / 'run' / f'epoch_{epoch}.pth'
        average, _ = tested(path)
        origin, (said,) = tested(path, '--weights', 'origin')
        assert (origin == average) is equal
        assert ('saved right after a switch' in said) is equal


def test_a_checkpoint_without_an_average(tmp_path, tested, capsys):
    build_runner(tmp_path / 'run').train()
    path = tmp_path / 'run' / 'epoch_3.pth'
    state = torch.load(path, weights_only=False)['state_dict']
    score, said = tested(path)
    assert score == pytest.approx(scored(state), abs=1e-5)
    assert said == ['the only set of weights in the checkpoint.']
    with pytest.raises(SystemExit) as caught:
        tested(path, '--weights', 'origin')
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('error: the checkpoint holds one set of weights')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Train two short epochs with EMA, and read their last metrics."""
    pytest.importorskip('mmpretrain')
    folder = tmp_path_factory.mktemp('digits')
    run = run_tool(
        *('train', SEMA, '--averaging', 'ema', '--work-dir', folder / 'run'),
        *(
            '--cfg-options',
            'train_cfg.max_epochs=2',
            'train_dataloader.dataset.indices=480',
        ),
        cwd=folder,
    )
    assert run.returncode == 0, run.stdout
    (log,) = (folder / 'run').glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    metrics = [line for line in lines if 'accuracy/top1' in line]
    assert len(metrics) == 2
    # The test must be able to tell the two sets of weights apart.
    assert metrics[1]['accuracy/top1'] != metrics[1]['accuracy/top1_origin']
    return folder, metrics[-1]


def run_test(folder, *args):
    checkpoint = folder / 'run' / 'epoch_2.pth'
    return run_tool('test', SEMA, checkpoint, *args, cwd=folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('weights', 'key', 'said'),
    [
        ('average', 'accuracy/top1', 'the average of 30 updates'),
        ('origin', 'accuracy/top1_origin', 'the weights of training'),
    ],
)
def test_accuracy_is_that_of_the_last_validation(trained, weights, key, said):
    folder, last = trained
    run = run_test(
        *(folder, '--out', 'metrics.json', '--weights', weights),
        *('--cfg-options', 'test_dataloader.dataset.split=val'),
    )
    assert run.returncode == 0, run.stdout
    metrics = json.loads((folder / 'metrics.json').read_text())
    assert metrics['accuracy/top1'] == pytest.approx(last[key], abs=1e-4)
    assert f'accuracy/top1: {last[key]:.4f}' in run.stdout
    assert f'Testing {said}' in run.stdout


@pytest.mark.slow
def test_predictions(trained):
    folder, _ = trained
    run = run_test(folder, '--out', 'predictions.pkl')
    assert run.returncode == 0, run.stdout
    predictions = pickle.loads((folder / 'predictions.pkl').read_bytes())
    assert len(predictions) == 364
    assert predictions[0]['pred_score'].shape == (10,)
