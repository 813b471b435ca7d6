"""tools/train.py."""

import collections
import functools
import importlib
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from tests.helpers.tool_runs import ROOT, TOY_CONFIG, run_tool

BYOL = 'configs/selfsup/digits/byol_resnet14-w16_1xb64-coslr-60e_digits.py'
TARGET = 'sema_mm.SwitchTargetHook'


@pytest.fixture
def tool(monkeypatch):
    return importlib.import_module('sema_mm.cli.train')


@pytest.fixture
def merged(tool, merge):
    return functools.partial(merge, tool)


@pytest.fixture
def failing(tool, config, tmp_path, monkeypatch, capsys):
    """Give the message of a command line that ends before the training."""
    monkeypatch.chdir(tmp_path)
    # A run that begins in the second of an earlier one would have its logger,
    # whose output is closed by now.
    loggers = collections.OrderedDict()
    monkeypatch.setattr(MMLogger, '_instance_dict', loggers)

    def fail(*args, text=None, path=config):
        if text is not None:
            config.write_text(text)
        monkeypatch.setattr(sys, 'argv', ['train.py', str(path), *args])
        with pytest.raises(SystemExit) as caught:
            tool.main()
        assert caught.value.code == 2
        output = capsys.readouterr()
        assert 'Traceback' not in output.out + output.err
        line, *_ = output.err.splitlines()
        return line

    return fail


@pytest.mark.parametrize(
    ('method', 'interval'), [('ema', 'None'), ('sema', 'N')]
)
def test_a_model_that_averages_itself_gets_no_second_average(
    failing, method, interval, tmp_path
):
    pytest.importorskip('mmpretrain')
    line = failing('--averaging', method, path=ROOT / BYOL)
    assert f'--averaging {method} would make a second average' in line
    assert f"itself, as 'target_net': write dict(type='{TARGET}'," in line
    assert f'switch_interval={interval}, evaluate_on_target=True)' in line
    assert not list(tmp_path.rglob('*.pth'))


def test_default_work_dir_is_named_like_the_config(merged):
    assert merged().work_dir == 'work_dirs/toy'


def test_work_dir_of_the_config_and_of_the_command_line(merged):
    assert merged(work_dir='a').work_dir == 'a'
    assert merged('--work-dir', 'b', work_dir='a').work_dir == 'b'


def test_resume(merged):
    assert not merged().get('resume')
    auto = merged('--resume', load_from='elsewhere.pth')
    assert (auto.resume, auto.load_from) == (True, None)
    given = merged('--resume', 'a.pth')
    assert (given.resume, given.load_from) == (True, 'a.pth')


def test_amp(merged):
    wrapper = merged('--amp').optim_wrapper
    assert wrapper.type == 'AmpOptimWrapper'
    assert wrapper.loss_scale == 'dynamic'
    kept = merged('--amp', **{'optim_wrapper.loss_scale': 512.0})
    assert kept.optim_wrapper.loss_scale == 512.0


def test_auto_scale_lr(merged):
    base = {'auto_scale_lr': dict(base_batch_size=32)}
    assert merged('--auto-scale-lr', **base).auto_scale_lr.enable
    assert 'enable' not in merged(**base).auto_scale_lr


def test_auto_scale_lr_counts_accumulated_batches(merged, tmp_path, capsys):
    base = {
        'auto_scale_lr': dict(base_batch_size=32),
        'work_dir': str(tmp_path),
        'experiment_name': tmp_path.name,
        'train_dataloader.batch_size': 4,
    }
    args = ('--auto-scale-lr', '--cfg-options')
    cfg = merged(*args, 'optim_wrapper.accumulative_counts=4', **base)
    assert 'size=8 for each of the 4 batches' in capsys.readouterr().out
    runner = Runner.from_cfg(cfg)
    wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    rate = wrapper.get_lr()['lr'][0]
    runner.scale_lr(wrapper, runner.auto_scale_lr)
    # 4 batches of 4 are half of 32.
    assert wrapper.get_lr()['lr'][0] == pytest.approx(rate / 2)
    capsys.readouterr()
    for option in (
        'optim_wrapper.accumulative_counts=1',
        'auto_scale_lr.enable=False',
    ):
        plain = merged(*args, option, **base)
        assert plain.auto_scale_lr.base_batch_size == 32
    # A saved config has been divided.
    base['auto_scale_lr'] = cfg.auto_scale_lr.to_dict()
    base['optim_wrapper.accumulative_counts'] = 4
    again = merged('--auto-scale-lr', **base)
    assert again.auto_scale_lr.base_batch_size == 8
    assert capsys.readouterr().out == ''


def test_launcher(merged):
    assert merged().launcher == 'none'
    assert merged('--launcher', 'slurm').launcher == 'slurm'


@pytest.mark.parametrize(
    ('argument', 'option', 'key', 'value'),
    [
        (('--work-dir', 'a'), 'work_dir=b', 'work_dir', 'b'),
        (('--resume',), 'resume=False', 'resume', False),
        (('--resume', 'a.pth'), 'load_from=b.pth', 'load_from', 'b.pth'),
        (('--launcher', 'mpi'), 'launcher=none', 'launcher', 'none'),
        (
            ('--amp',),
            'optim_wrapper.type=OptimWrapper',
            'optim_wrapper.type',
            'OptimWrapper',
        ),
        (
            ('--auto-scale-lr',),
            'auto_scale_lr.enable=False',
            'auto_scale_lr.enable',
            False,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_cfg_options_win(merged, argument, option, key, value):
    base = {'auto_scale_lr': dict(base_batch_size=32)}
    node = merged(*argument, '--cfg-options', option, **base)
    for name in key.split('.'):
        node = node[name]
    assert node == value


def test_no_config(failing):
    assert failing(path='no.py') == 'error: there is no config no.py'


@pytest.mark.parametrize(
    ('text', 'word'),
    [
        ('a = (\n', 'SyntaxError'),
        ('a = b\n', "name 'b' is not defined"),
        ("_base_ = './no.py'\n", 'no.py'),
        ("_base_ = 'nolib::a/no.py'\n", 'nolib'),
    ],
    ids=['syntax', 'name', 'base', 'library'],
)
def test_broken_config(failing, text, word):
    line = failing(text=text)
    assert line.startswith('error: the config')
    assert 'toy.py cannot be read' in line
    assert word in line


def test_config_of_a_wrong_kind(failing, tmp_path):
    path = tmp_path / 'toy.txt'
    path.write_text(TOY_CONFIG)
    assert 'toy.txt cannot be read' in failing(path=path)


def test_no_checkpoint(failing):
    message = 'error: there is no checkpoint no.pth'
    assert failing('--resume', 'no.pth') == message
    assert failing('--cfg-options', 'load_from=no.pth') == message


def test_last_checkpoint_was_removed(failing, tmp_path):
    folder = tmp_path / 'work_dirs' / 'toy'
    folder.mkdir(parents=True)
    (folder / 'last_checkpoint').write_text('/gone/epoch_1.pth')
    line = failing('--resume')
    assert line == 'error: there is no checkpoint /gone/epoch_1.pth'


@pytest.mark.skipif(torch.cuda.is_available(), reason='needs no GPU')
def test_amp_without_a_gpu(failing):
    assert 'mixed precision' in failing('--amp')


def test_amp_with_another_wrapper(failing):
    options = ('--amp', '--cfg-options', 'optim_wrapper.type=Ours')
    text = f"{TOY_CONFIG}\noptim_wrapper['type'] = 'Ours'\n"
    assert 'OptimWrapper, but the config has a Ours' in failing(
        *options, text=text
    )


def test_auto_scale_lr_without_a_base(failing):
    line = failing('--auto-scale-lr')
    assert 'auto_scale_lr = dict(base_batch_size=...)' in line


def test_missing_library(failing, monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmdet', None)
    line = failing('--cfg-options', 'default_scope=mmdet')
    assert line.startswith('error: this config needs mmdet, which cannot')


def test_no_train_cfg(failing):
    assert 'has no train_cfg' in failing('--cfg-options', 'train_cfg=None')


def test_option_that_fits_nothing(failing):
    line = failing('--cfg-options', 'custom_hooks.7.momentum=0.1')
    assert 'Index 7 exceeds' in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ('option', 'words', 'raised_here'),
    [
        ('custom_hooks.0.typo=1', "no argument 'typo'", True),
        ('model.typo=1', "argument 'typo'", False),
    ],
)
def test_wrong_value_is_one_sentence(
    config, tmp_path, option, words, raised_here
):
    """Others are in tests/test_faults."""
    run = run_tool('train', config, '--cfg-options', option, cwd=tmp_path)
    assert run.returncode == 2
    *_, before, last = run.stdout.splitlines()
    error = last if raised_here else before
    assert error.startswith('error: ')
    assert words in error
    assert last.startswith('(raised in ') is not raised_here
    assert 'Traceback' not in run.stdout


@pytest.mark.slow
def test_error_of_the_training_keeps_its_traceback(config, tmp_path):
    with config.open('a') as file:
        file.write('train_dataloader["dataset"]["size"] = 25\n')
        file.write('train_dataloader["collate_fn"] = dict(type=max)\n')
    run = run_tool('train', config, cwd=tmp_path)
    assert run.returncode == 1
    assert 'Traceback' in run.stdout


def final_weights(folder):
    state = torch.load(folder / 'epoch_3.pth', weights_only=False)
    return state['state_dict']


@pytest.mark.slow
def test_resumed_run_equals_the_uninterrupted_one(config, tmp_path):
    whole = run_tool('train', config, cwd=tmp_path)
    assert whole.returncode == 0, whole.stdout
    expected = final_weights(tmp_path / 'work_dirs' / 'toy')

    folder = tmp_path / 'resumed'
    options = (config, '--work-dir', folder, '--resume')
    stop = ('--cfg-options', 'train_cfg.max_epochs=1')
    first = run_tool('train', *options, *stop, cwd=tmp_path)
    assert first.returncode == 0, first.stdout
    assert 'There is no checkpoint in' in first.stdout
    assert 'training starts from the beginning' in first.stdout
    second = run_tool('train', *options, cwd=tmp_path)
    assert second.returncode == 0, second.stdout
    assert 'training starts from the beginning' not in second.stdout
    assert 'Epoch(val) [1]' not in second.stdout
    resumed = final_weights(folder)
    assert resumed.keys() == expected.keys()
    assert all(torch.equal(resumed[k], expected[k]) for k in expected)

    other = tmp_path / 'other'
    again = (config, '--work-dir', other, '--cfg-options')
    third = run_tool('train', *again, 'randomness.seed=2', cwd=tmp_path)
    assert third.returncode == 0, third.stdout
    weights = final_weights(other)
    assert not all(torch.equal(weights[k], expected[k]) for k in expected)


@pytest.mark.slow
def test_runner_of_another_type(config, tmp_path):
    run = run_tool(
        *('train', config, '--cfg-options', 'runner_type=FlexibleRunner'),
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stdout
    assert 'Epoch(val)' in run.stdout
    assert (tmp_path / 'work_dirs' / 'toy' / 'epoch_3.pth').is_file()


def test_averaging(merged, capsys):
    """The hooks that come of it are said, and options about them win."""
    kept = merged()
    assert kept.custom_hooks == [
        dict(type='sema_mm.SwitchEMAHook', momentum=0.5)
    ]
    assert capsys.readouterr().out == ''
    option = ('--cfg-options', 'custom_hooks.0.switch_begin=1')
    (hook,) = merged('--averaging', 'sema', *option).custom_hooks
    assert hook == dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.5,
        switch_interval=1,
        switch_begin=1,
    )
    note, text = capsys.readouterr().out.split('\n', 1)
    assert note.startswith('momentum=0.5, that of the config: its window')
    assert Config.fromstring(text, '.py').custom_hooks == [hook]
    replaced = ('--cfg-options', 'custom_hooks=[]')
    assert merged('--averaging', 'ema', *replaced).custom_hooks == []


def test_averaging_reads_the_other_options(merged):
    """The batch size decides what fits."""
    option = ('--cfg-options', 'train_dataloader.batch_size=1')
    (hook,) = merged(
        *('--averaging', 'sema', *option), **{'custom_hooks.0.momentum': 0.1}
    ).custom_hooks
    assert hook.momentum == 0.2


def test_processes_share_the_images_and_one_speaks(
    merged, monkeypatch, capsys
):
    own = {
        'custom_hooks.0.momentum': 0.5,
        'train_dataloader.batch_size': 1,
    }
    monkeypatch.setenv('WORLD_SIZE', '2')
    monkeypatch.setenv('RANK', '0')
    args = ('--averaging', 'sema', '--launcher', 'pytorch')
    merged(*args, **own)
    assert 'a third of the 12 optimizer steps' in capsys.readouterr().out
    monkeypatch.setenv('RANK', '1')
    merged(*args, **own)
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize(
    ('args', 'words'),
    [
        (('--momentum', '0.1'), 'has no effect with --averaging keep'),
        (('--averaging', 'sema', '--switch-interval', '9'), 'never be swit'),
        (('--averaging', 'sema', '--momentum', '0.9'), 'write momentum=0.1'),
    ],
)
def test_averaging_that_does_not_fit(failing, args, words):
    assert words in failing(*args)


def test_no_config_of_a_library(failing):
    line = failing(path='mmdett::yolox/yolox_s')
    assert line.startswith('error: there is no library mmdett installed')


def test_averaging_trains(tool, config, tmp_path, monkeypatch, capsys):
    ema = "dict(type='EMAHook'), dict(type='EmptyCacheHook')"
    config.write_text(f'{TOY_CONFIG}\ncustom_hooks = [{ema}]\n')
    monkeypatch.chdir(tmp_path)
    name = f'experiment_name={tmp_path.name}'
    command = ['train.py', str(config), '--averaging', 'sema']
    monkeypatch.setattr(sys, 'argv', [*command, '--cfg-options', name])
    tool.main()
    out = capsys.readouterr().out
    for kind in ('sema_mm.SwitchEMAHook', 'EmptyCacheHook'):
        assert f"type='{kind}'" in out.partition('System environment')[0]
    assert 'Switch 3 after epoch 3' in out
    state = torch.load(
        tmp_path / 'work_dirs/toy/epoch_3.pth', weights_only=False
    )
    average, origin = state['state_dict'], state['ema_state_dict']
    assert torch.equal(average['head.bias'], origin['module.head.bias'])
