"""Configs and command lines."""

import functools
import sys

from tests.integration.faults.case import Case, Outcome, Place

GROUP = 'Config and command line of tools/train.py'


def _train(*args: str, add: str = '', options: tuple = ()):
    def act(place: Place) -> Outcome:
        return place.train(*args, add=add, options=options)

    return act


def _case(fault: str, says: str, *args: str, **how) -> Case:
    return Case(GROUP, fault, _train(*args, **how), says)


def _option(option: str, says: str) -> Case:
    return _case(f'`--cfg-options {option}`', says, options=(option,))


def _other_config(name: str, place: Place) -> Outcome:
    return place.tool('train', config=name)


def _without_mmdet(place: Place) -> Outcome:
    place.patch.setitem(sys.modules, 'mmdet', None)
    return place.train(options=('default_scope=mmdet',))


def _amp(place: Place) -> Outcome:
    place.patch.setattr('sema_mm.cli.config_check.get_device', lambda: 'cpu')
    return place.train('--amp')


def _config(fault: str, name: str, says: str) -> Case:
    return Case(GROUP, fault, functools.partial(_other_config, name), says)


TWO = """
custom_hooks.append(dict(type='EMAHook'))
"""

CASES = [
    _config('A config that is not there', 'no.py', 'is no config no.py'),
    _config(
        'A misspelled library', 'mmdett::yolox/x', 'no library mmdett install'
    ),
    _case('A syntax error in the config', 'SyntaxError', add='a = ('),
    _case('A name that nothing defines', "name 'b' is not", add='a = b'),
    _case('A base config that is not there', 'no.py', add="_base_ = 'no.py'"),
    Case(GROUP, 'A library is missing', _without_mmdet, 'needs mmdet'),
    _case(
        '`custom_hook = [...]`',
        "did you mean 'custom_hooks'",
        add='custom_hook = []',
    ),
    _case(
        'Two averaging hooks',
        'two hooks average the model',
        add=TWO,
    ),
    _option('custom_hooks.0.type=SwitchEMAHok', 'SwitchEMAHok is not in the'),
    _option('custom_hooks.0.momentun=0.1', "did you mean 'momentum'"),
    _option('custom_hooks.0.momentum=many', 'momentum must be a number'),
    _option('custom_hooks.7.momentum=0.1', 'Index 7 exceeds'),
    _option('custom_hooks=EMAHook', 'custom_hooks must be a list'),
    _option('model.type=ToyModell', 'ToyModell is not in the'),
    _option('model.clases=3', "unexpected keyword argument 'clases'"),
    _option(
        'optim_wrapper.optimizer.type=SGDD',
        "no optimizer 'SGDD': did you mean 'SGD'",
    ),
    _option('optim_wrapper.optimizer.rate=1', "argument 'rate'"),
    _option('train_cfg.max_epoch=3', "argument 'max_epoch'"),
    _option('train_cfg.max_epochs=three', 'while building the train loop'),
    _option('train_cfg=None', 'the config has no train_cfg'),
    _option('train_dataloader.batch_size=0', 'building the dataloader'),
    _option('param_scheduler.type=Cosine', 'Cosine is not in the'),
    _option('load_from=no.pth', 'there is no checkpoint no.pth'),
    Case(GROUP, '`--amp` without a GPU', _amp, 'mixed precision'),
    _case(
        '`--auto-scale-lr` without a batch size to scale from',
        'auto_scale_lr = dict(base_batch_size=...)',
        '--auto-scale-lr',
    ),
    _case(
        '`--momentum 0.1` alone',
        'has no effect with --averaging keep',
        *('--momentum', '0.1'),
    ),
    _case(
        '`--averaging sema --switch-interval 9` in 3 epochs',
        'never be switched',
        *('--averaging', 'sema', '--switch-interval', '9'),
    ),
    _case(
        '`--averaging sema --momentum 0.999`',
        'write momentum=0.001',
        *('--averaging', 'sema', '--momentum', '0.999'),
    ),
]
