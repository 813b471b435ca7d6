"""No tool and no setting runs what a checkpoint holds beside data."""

import os

import mmengine.runner.checkpoint
import pytest
import torch
from mmengine.runner import CheckpointLoader

from sema_mm import mmengine_patches
from tests.helpers.toy import ToyModel, build_runner
from tests.integration.faults.case import Place
from tests.integration.faults.checkpoints import (
    SAFE,
    edited,
    run_of_two_epochs,
)
from tests.unit.checkpointing import test_safe_loading as test_checkpoint
from tests.unit.checkpointing.test_safe_loading import Payload

served = test_checkpoint.served
NO_RESTRICTION = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'


class PretrainedToy(ToyModel):
    """Takes an init_cfg, as the models of all libraries do."""

    def __init__(self, init_cfg=None):
        super().__init__()
        self.init_cfg = init_cfg


class Teacher(ToyModel):
    """Loads weights while it is built, as mmdet's distillers do."""

    def __init__(self, checkpoint):
        super().__init__()
        mmengine.runner.load_checkpoint(self, checkpoint)


def plain_loaders():
    """Give mmengine's loaders as they come."""
    mmengine_patches.install()
    schemes = {
        prefix: loader.__wrapped__
        for prefix, loader in CheckpointLoader._schemes.items()
    }
    schemes[''] = mmengine.runner.checkpoint.load_from_local
    return schemes


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A run whose checkpoints are traps; torch is told to trust all files.

    Neither an earlier test nor a hook of ours has made mmengine safe.
    """
    place = Place(tmp_path, monkeypatch)
    run_of_two_epochs(place)
    place.config.write_text(f'{place.config.read_text()}custom_hooks = []\n')
    monkeypatch.setenv(NO_RESTRICTION, '1')
    monkeypatch.setattr(CheckpointLoader, '_schemes', plain_loaders())
    trap = Payload(os.system, f'touch {tmp_path}/trace')
    content = edited(place, lambda c: c.update(extra=trap))
    for path in (*place.work_dir.glob('*.pth'), tmp_path / 'trap.pth'):
        torch.save(content, path)
    return place


INIT = """
model = dict(
    type='tests.integration.faults.test_payloads.PretrainedToy',
    init_cfg=dict(type='Pretrained', checkpoint='trap.pth'),
)
"""
TEACHER = """
model = dict(
    type='tests.integration.faults.test_payloads.Teacher',
    checkpoint='trap.pth'
)
"""
LOAD = ('load_from=trap.pth',)
READ = {
    'train --resume FILE': lambda p: p.train('--resume', 'trap.pth'),
    'train --resume': lambda p: p.train('--resume'),
    'train --resume, our hook': lambda p: p.train('--resume', add=SAFE),
    'train load_from option': lambda p: p.train(options=LOAD),
    'train load_from': lambda p: p.train(add="load_from = 'trap.pth'"),
    'train init_cfg': lambda p: p.train(add=INIT),
    'train, a model that loads': lambda p: p.train(add=TEACHER),
    'train, another runner': lambda p: p.train(
        options=(*LOAD, "runner_type='FlexibleRunner'")
    ),
    'test FILE': lambda p: p.tool('test', 'trap.pth'),
    'test load_from': lambda p: p.tool('test', 'no.pth', options=LOAD),
    'test origin': lambda p: p.tool('test', 'trap.pth', '--weights', 'origin'),
    'test, a model that loads': lambda p: p.tool(
        'test', 'work_dirs/toy/epoch_1.pth', add=TEACHER
    ),
    'convert': lambda p: p.tool('convert', 'trap.pth', 'b.pth', config=None),
    'convert --export': lambda p: p.tool(
        *('convert', 'trap.pth', 'b.pth', '--export', 'average'),
        config=None,
    ),
}


def ran(place):
    return (place.folder / 'trace').exists()


@pytest.mark.parametrize('name', READ)
def test_a_tool_that_reads_it_refuses_it(place, name):
    outcome = READ[name](place)
    assert not ran(place)
    assert outcome.end == 'exit code 2'
    assert 'could run code when read: posix.system' in outcome.says
    assert 'Traceback' not in outcome.output


def test_a_model_that_loads_is_built_by_the_converter(place):
    place.write('good.pth', dict(state_dict=ToyModel().state_dict()))
    place.config.write_text(place.config.read_text() + TEACHER)
    outcome = place.tool(
        *('convert', 'good.pth', 'b.pth', '--config', 'toy.py'),
        config=None,
    )
    assert not ran(place)
    assert 'could run code when read: posix.system' in outcome.says


@pytest.mark.parametrize('add', [INIT, TEACHER, f'load_from = "{LOAD[0]}"'])
def test_print_config_reads_no_checkpoint(place, add):
    outcome = place.tool('print_config', '--dataset-length', '99', add=add)
    assert outcome.end == 'it goes on'
    assert not ran(place)


def test_a_download(place, served):
    address = f'load_from={served}/trap.pth'
    outcome = place.train(options=(address,))
    assert not ran(place)
    assert 'could run code when read: posix.system' in outcome.says


@pytest.mark.parametrize(
    'name', ['trap.safetensors', 'file://trap.pth', 'local:trap.pth']
)
def test_other_names(place, name):
    (place.folder / 'trap.pth').rename(place.folder / name.split('/')[-1])
    place.train(options=(f'load_from={name}',))
    place.tool('test', name)
    place.tool('convert', name, 'b.pth', config=None)
    assert not ran(place)


@pytest.mark.parametrize('key', ['config', 'cfg'])
@pytest.mark.parametrize('runner', ['Runner', 'FlexibleRunner'])
def test_the_text_of_a_config_in_it(tmp_path, monkeypatch, key, runner):
    """Mmengine runs the text at meta['config'] when it resumes."""
    place = Place(tmp_path, monkeypatch)
    run_of_two_epochs(place)
    text = f'__import__("os").system("touch {tmp_path}/trace")\n'
    content = edited(place, lambda c: c['meta'].update({key: text}))
    place.write('given.pth', content)
    outcome = place.train(
        *('--resume', 'given.pth'), options=(f'runner_type={runner!r}',)
    )
    assert outcome.end == 'it goes on'
    assert not ran(place)


@pytest.mark.parametrize('how', ['load_from', 'resume', 'init_cfg'])
def test_control_mmengine_runs_it(place, how):
    """As it comes, with torch told to trust all files."""
    changes = dict(
        load_from=dict(load_from='trap.pth'),
        resume=dict(resume=True),
        init_cfg=dict(
            model=PretrainedToy(dict(type='Pretrained', checkpoint='trap.pth'))
        ),
    )[how]
    build_runner(place.work_dir, epochs=3, **changes).train()
    assert ran(place)
