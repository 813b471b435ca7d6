"""tools/print_config.py."""

import importlib
import sys

import pytest
from mmengine.config import Config

from tests.helpers.tool_runs import ROOT, TOY_CONFIG, run_tool

DIGITS = ROOT / 'configs' / 'digits'
SEMA = DIGITS / 'resnet18-w16_1xb32-sema-coslr-15e_digits.py'
ITERS = """
train_cfg = dict(by_epoch=False, max_iters=90)
custom_hooks = [
    dict(type='sema_mm.SwitchEMAHook', by_epoch=False, switch_interval=40)
]
"""
EMA = "\ncustom_hooks = [dict(type='EMAHook')]\n"


@pytest.fixture
def printed(config, monkeypatch, capsys):
    """Run the tool, and give its output, its errors and its exit code."""
    tool = importlib.import_module('sema_mm.cli.print_config')

    def run(*args, text='', path=config):
        config.write_text(TOY_CONFIG + text)
        monkeypatch.setattr(sys, 'argv', ['print_config.py', str(path), *args])
        code = 0
        try:
            tool.main()
        except SystemExit as end:
            code = end.code
        output = capsys.readouterr()
        return output.out, output.err, code

    return run


def test_the_output_is_the_config(printed, config):
    out, err, code = printed('--dataset-length', '24')
    assert (err, code) == ('', 0)
    expected = Config.fromfile(config).to_dict()
    assert Config.fromstring(out, '.py').to_dict() == expected


def test_options_and_averaging_are_in_it(printed):
    options = ('--cfg-options', 'train_cfg.max_epochs=9')
    hook = 'custom_hooks.0.switch_begin=4'
    out, _, _ = printed('--averaging', 'ema', *options, text=EMA)
    cfg = Config.fromstring(out, '.py')
    assert cfg.train_cfg.max_epochs == 9
    (ours,) = cfg.custom_hooks
    assert ours == dict(
        type='sema_mm.SwitchEMAHook', momentum=0.0002, switch_interval=None
    )
    out, _, _ = printed('--averaging', 'sema', *options, hook, text=EMA)
    assert Config.fromstring(out, '.py').custom_hooks[0].switch_begin == 4
    assert '# switch after epoch 5, 6, 7, 8, 9: 5 in all' in out


@pytest.mark.parametrize(
    ('args', 'text', 'expected'),
    [
        (
            ('--dataset-length', '100'),
            '',
            [
                '3 epochs, 25 iterations, 25 optimizer steps an epoch '
                '(100 images on 1 GPU, --gpus N for more)',
                'switch after epoch 1, 2, 3: 3 in all, 25 optimizer steps '
                'apart',
                'window of 2 optimizer steps (momentum=0.5)',
            ],
        ),
        (
            ('--gpus', '3', '--cfg-options', 'custom_hooks.0.momentum=0.1'),
            '',
            [
                '3 epochs, 2 iterations, 2 optimizer steps an epoch '
                '(24 images on 3 GPUs)',
                'switch after epoch 1, 2, 3: 3 in all, 2 optimizer steps '
                'apart',
                'window of 10 optimizer steps (momentum=0.1)',
                'warning: the window of the average, 10 optimizer steps '
                '(momentum=0.1), is longer than the 2 steps between two '
                'switches: every switch will throw the model back to older '
                'weights. momentum=0.5 would fit, or switch_interval=None '
                'for plain EMA; the best windows measured are about a tenth '
                'of these steps or less (research/report/results)',
            ],
        ),
        (
            ('--cfg-options', 'optim_wrapper.accumulative_counts=2'),
            ITERS,
            [
                '90 iterations, 45 optimizer steps in all',
                'switch after iteration 40, 80: 2 in all, 20 optimizer '
                'steps apart',
                'window of 1000 optimizer steps (momentum=0.001)',
            ],
        ),
        (
            ('--averaging', 'sema'),
            EMA,
            [
                'momentum=0.5, as the window of 0.0002, that of the config, '
                'is 5000 optimizer steps, more than a third of the 6 '
                'optimizer steps between two switches',
                '3 epochs, 6 iterations, 6 optimizer steps an epoch '
                '(24 images on 1 GPU, --gpus N for more)',
                'switch after epoch 1, 2, 3: 3 in all, 6 optimizer steps '
                'apart',
                'window of 2 optimizer steps (momentum=0.5)',
            ],
        ),
        ((), EMA, ['EMAHook averages the weights, and never switches']),
        (('--averaging', 'none'), EMA, ['no averaging']),
    ],
    ids=['length', 'gpus', 'iterations', 'fitted', 'ema', 'none'],
)
def test_the_plan(printed, args, text, expected):
    out, _, code = printed('--plan-only', *args, text=text)
    assert code == 0
    lines = out.splitlines()
    assert all(line.startswith('# ') for line in lines)
    found = [line[2:] for line in lines]
    assert found[: len(expected)] == expected
    assert len(found) == len(expected) or found[-1].startswith('warning')


def test_the_data_set_is_counted_once_and_only_if_needed(printed, monkeypatch):
    import tests.helpers.toy

    counted = []
    build = tests.helpers.toy.ToyData.__init__

    def init(self, *args, **kwargs):
        counted.append(1)
        print('loading')
        build(self, *args, **kwargs)

    monkeypatch.setattr(tests.helpers.toy.ToyData, '__init__', init)
    out, err, _ = printed('--averaging', 'sema')
    assert len(counted) == 1
    assert 'loading' in err and 'loading' not in out
    printed('--averaging', 'none')
    printed('--averaging', 'sema', '--dataset-length', '24')
    printed(text=ITERS)
    assert len(counted) == 1


@pytest.mark.parametrize(
    ('args', 'text', 'words'),
    [
        ((), "\ncustom_hooks += [dict(type='EMAHook')]\n", 'two hooks aver'),
        ((), EMA.replace(']', ', dict(type="EMAHook")]'), '2 hooks average'),
        (('--averaging', 'keep', '--momentum', '1'), '', 'has no effect with'),
        (('--momentum', '0.9', '--averaging', 'ema'), '', '0.9 is too large'),
        (('--cfg-options', 'custom_hooks.0.typo=1'), '', "argument 'typo'"),
        (('--cfg-options', 'custom_hooks.7.typo=1'), '', 'Index 7 exceeds'),
        (('--switch-interval', '4', '--averaging', 'sema'), '', 'never be'),
        (('--dataset-length', '0'), '', 'length=0 must be at least 1'),
        (('--gpus', '0'), '', 'num_gpus=0 must be at least 1'),
        (('--cfg-options', 'train_cfg=None'), '', 'neither type nor by_epoch'),
        (
            ('--cfg-options', 'train_dataloader.dataset.size=-1'),
            '',
            '(RuntimeError: ',
        ),
    ],
)
def test_wrong_input(printed, args, text, words):
    out, err, code = printed(*args, text=text)
    assert code == 2
    line, *where = err.splitlines()
    assert line.startswith('error: ') and words in line
    assert all(w.startswith('(raised in ') for w in where)
    assert 'Traceback' not in out


def test_what_to_do_without_the_data(printed):
    option = ('--cfg-options', 'train_dataloader.dataset.type=Nothing')
    out, err, code = printed(*option)
    assert code == 2
    assert err.splitlines()[0].endswith(': write --dataset-length N')
    # The config itself needs no data.
    assert Config.fromstring(out, '.py').train_dataloader.batch_size == 4
    assert printed(*option, '--dataset-length', '24')[2] == 0


def test_no_config(printed):
    out, err, code = printed(path='no.py')
    assert (out, err, code) == ('', 'error: there is no config no.py\n', 2)


@pytest.mark.slow
def test_the_digits_from_a_shell(tmp_path):
    pytest.importorskip('mmpretrain')
    run = run_tool('print_config', SEMA, cwd=tmp_path)
    assert run.returncode == 0
    assert '\n# 15 epochs, 34 iterations, 34 optimizer steps' in run.stdout
    assert '(1074 images on 1 GPU' in run.stdout
    assert 'warning: the window' not in run.stdout


def test_a_model_that_averages_itself(printed):
    path = ROOT / 'configs/selfsup/stl10'
    path /= 'mocov2_resnet50_4xb64-sema-amp-coslr-1000e_stl10.py'
    length = ('--dataset-length', '100000', '--gpus', '4')
    out, err, code = printed('--plan-only', *length, path=path)
    assert (err, code) == ('', 0)
    assert out.splitlines() == [
        '# 1000 epochs, 390 iterations, 390 optimizer steps an epoch '
        '(100000 images on 4 GPUs)',
        '# switch after epoch 25, 50, 75, ..., 1000: 40 in all, 9750 '
        'optimizer steps apart',
        '# the model averages, with a momentum of its own',
    ]
    hook = 'custom_hooks.0.switch_interval=2000'
    out, err, code = printed(
        '--plan-only', *length, '--cfg-options', hook, path=path
    )
    assert code != 0 and 'would never be switched' in err
    out, err, code = printed(
        '--plan-only', '--averaging', 'none', *length, path=path
    )
    assert (out, code) == ('', 2) and 'SwitchTargetHook' in err
