"""Every config: name, siblings, switches, recipe, and index of the models."""

import copy
import functools
import math
import re
from pathlib import Path

import mmengine
import pytest
from mmengine.config import Config
from mmengine.hub import get_config

from sema_mm.averaging.switch_plan import fitting_momentum
from sema_mm.config.plan import plan_of_config
from tests.helpers.recipe import gpus, recipe

ROOT = Path(__file__).resolve().parents[2]
#: What tools/train.py trains; a study is for research/study/__main__.py.
TRAINED = [
    path
    for path in sorted((ROOT / 'configs').rglob('*.py'))
    if not {'_base_', 'study'} & set(path.parts)
]
CONFIGS = {path.stem: path for path in TRAINED}
INDEX = mmengine.load(str(ROOT / 'model-index.yml'))['Import']
METHODS = ('ema', 'sema')
#: Models that hold the average of their encoder, which is what their siblings
#: evaluate and switch. The baseline trains with it, too.
WITH_TARGET = ('MoCo', 'BYOL', 'MoCoV3')
OURS = ('sema_mm.SwitchEMAHook', 'sema_mm.SwitchTargetHook')
#: Folders whose recipes are ours; they train in tests of their own.
SMALL = ('digits', 'rcfmnist_10k')

PROTOCOL = mmengine.load(str(ROOT / 'tests/data/protocol.yml'))
EXPECTED = {
    name: values
    for family in PROTOCOL.values()
    for name, values in family['experiments'].items()
}
#: What the protocol says of the averaging, not of the baseline.
OF_THE_AVERAGE = ('images', 'steps', 'switch_begin', 'ema', 'sema')

#: Parts of a name are joined by '_', the words of a part by '-'.
PART = r'[a-z0-9.]+(-[a-z0-9.]+)*'
NAME = re.compile(rf'{PART}(_{PART}){{2,}}')
#: The part before the data set, by the law of each library: GPUs x batch,
#: tricks, schedule, epochs; mmdet may leave out its 8 x 2, and counts 12
#: epochs as 1x.
TRAINING = {
    'mmpretrain': re.compile(
        r'(?P<gpus>\d+)xb(?P<batch>\d+)(-s?ema)?(-[a-z0-9.]+)*'
        r'-(?P<epochs>\d+)e'
    ),
    'mmdet': re.compile(
        r'((?P<gpus>\d+)xb(?P<batch>\d+)-)?([a-z0-9.]+-)*'
        r'((?P<epochs>\d+)e|(?P<rounds>\d)x)(-s?ema)?'
    ),
}


def baseline(name):
    """Return the name without its averaging method."""
    return re.sub('-s?ema(?=[-_])', '', name)


def method(name):
    found = set(re.split('[_-]', name)) & set(METHODS)
    return found.pop() if found else 'baseline'


@functools.cache
def load_once(name):
    return Config.fromfile(CONFIGS[name])


def load(name):
    pytest.importorskip('mmpretrain')
    pytest.importorskip('mmdet')
    return copy.deepcopy(load_once(name).to_dict())


def is_average(hook):
    return 'EMA' in str(hook['type']) or hook['type'] in OURS


def has_target(name):
    return load(name)['model']['type'] in WITH_TARGET


def averaging(name):
    """Return the one averaging hook of a config."""
    hooks = load(name).get('custom_hooks') or []
    (hook,) = (hook for hook in hooks if is_average(hook))
    assert hook['type'] == OURS[has_target(name)]
    return hook


def models():
    return [
        model
        for metafile in INDEX
        for model in mmengine.load(str(ROOT / metafile))['Models']
    ]


BASELINES = [name for name in CONFIGS if method(name) == 'baseline']
AVERAGED = [name for name in CONFIGS if method(name) != 'baseline']


@pytest.mark.parametrize('name', CONFIGS)
def test_name_obeys_the_law(name):
    assert NAME.fullmatch(name)
    cfg = load(name)
    law = TRAINING[cfg['default_scope']].fullmatch(name.split('_')[-2])
    assert law
    said = {key: int(n) for key, n in law.groupdict().items() if n}
    if 'batch' in said:
        assert said['batch'] == cfg['train_dataloader']['batch_size']
        assert said['gpus'] == gpus(cfg)
    if 'epochs' in said:
        assert said['epochs'] == cfg['train_cfg']['max_epochs']
    else:
        read = cfg['train_dataloader']['dataset'].get('times', 1)
        assert said['rounds'] * 12 == cfg['train_cfg']['max_epochs'] * read


def test_names_are_unique():
    assert len(CONFIGS) == len(TRAINED)


@pytest.mark.parametrize('name', BASELINES)
def test_a_baseline_has_two_siblings_and_no_average(name):
    siblings = [other for other in AVERAGED if baseline(other) == name]
    assert sorted(map(method, siblings)) == sorted(METHODS)
    assert all(
        CONFIGS[other].parent == CONFIGS[name].parent for other in siblings
    )
    assert not any(map(is_average, load(name).get('custom_hooks') or []))


@pytest.mark.parametrize('name', AVERAGED)
def test_siblings_differ_only_in_the_averaging_hook(name):
    ours, first = load(name), load(baseline(name))
    hooks = ours.pop('custom_hooks')
    others = first.pop('custom_hooks', None) or []
    assert [hook for hook in hooks if not is_average(hook)] == others
    assert ours == first


@pytest.mark.parametrize('name', AVERAGED)
def test_the_average_is_evaluated(name):
    hook = averaging(name)
    if has_target(name):
        assert hook['evaluate_on_target'] is True
    else:
        assert hook.get('evaluate_on_ema', True) is True


@pytest.mark.parametrize('name', CONFIGS)
def test_a_leaf_only_says_what_differs(name):
    text = CONFIGS[name].read_text()
    assert len(re.findall(r'^\w+ = ', text, re.MULTILINE)) <= 6


@pytest.mark.parametrize('name', BASELINES)
def test_batches_are_collated_without_a_scope(name):
    """What mmengine adds to recipes of a library is no argument."""
    collate = load(name)['train_dataloader'].get('collate_fn') or {}
    assert '_scope_' not in collate


@pytest.mark.parametrize('name', BASELINES)
def test_a_stop_is_survived(name):
    hooks = load(name)['default_hooks']
    assert hooks['checkpoint']['type'] == 'sema_mm.SafeCheckpointHook'
    assert hooks['preemption']['type'] == 'sema_mm.PreemptionHook'


@pytest.mark.parametrize('name', BASELINES)
def test_a_training_starts_anew_unless_told_to_resume(name):
    """Siblings of one work_dir must not go on from each other."""
    assert load(name).get('resume', False) is False


@pytest.mark.parametrize('name', AVERAGED)
def test_the_schedule_fires_and_does_not_warn(name):
    load(name)
    expected = EXPECTED.get(baseline(name))
    dataset = load_once(name).train_dataloader.dataset
    images = dataset.get('indices', 1000)
    if expected:
        images = expected['images']
    epochs = load_once(name).train_cfg.max_epochs
    if expected and 'repeat' in expected:
        images *= expected['repeat']
    plan = plan_of_config(load_once(name), images, num_gpus=gpus(load(name)))
    hook = averaging(name)
    if method(name) == 'ema':
        assert hook['switch_interval'] is None
        assert plan.units == []
        return
    if has_target(name):
        check_target(hook, plan, load(name))
        return
    first = hook.get('switch_begin', 0) + 1
    assert plan.units == list(range(first, epochs + 1))
    assert plan.warning is None
    assert plan.steps >= 3 / hook['momentum']
    if expected:
        assert plan.steps == expected['steps']


def check_target(hook, plan, cfg):
    """Compare three windows of the model's target with the switches."""
    assert plan.units
    model, run = cfg['model'], plan.length
    momentum = model.get('momentum') or model['base_momentum']
    if model['type'] != 'MoCo':  # the others take a cosine down to nothing
        done = plan.units[-1] / run.max_epochs
        momentum *= (1 + math.cos(math.pi * done)) / 2
    apart = hook['switch_interval'] * run.iters_per_epoch
    assert apart >= 3 / momentum * (1 - 1e-9)


def test_the_protocol_and_the_configs_are_the_same_experiments():
    ours = [n for n in BASELINES if CONFIGS[n].parent.name not in SMALL]
    assert sorted(ours) == sorted(EXPECTED)


@pytest.mark.parametrize('name', EXPECTED)
def test_a_recipe_is_that_of_the_protocol(name):
    expected = {
        key: value
        for key, value in EXPECTED[name].items()
        if key not in OF_THE_AVERAGE and value != 'upstream'
    }
    assert recipe(load(name), expected) == expected


@pytest.mark.parametrize(
    'name', [name for name in AVERAGED if baseline(name) in EXPECTED]
)
def test_an_average_is_that_of_the_protocol(name):
    values, hook = EXPECTED[baseline(name)], averaging(name)
    if has_target(name):
        found = {key: hook.get(f'switch_{key}') for key in ('interval', 'end')}
        never = {'interval': None, 'end': None}
        assert found == (values['sema'] if method(name) == 'sema' else never)
        return
    ema = values['ema']
    momentum = values[method(name)]['momentum']
    assert hook['momentum'] == pytest.approx(momentum, rel=1e-9)
    if 'gamma' in ema:
        warmup = {'warmup': 'exp_momentum', 'gamma': ema['gamma']}
    elif ema['warmup']:
        warmup = {
            'warmup': 'linear',
            'warmup_iters': round(ema['warmup'] * values['steps']),
            'warmup_ratio': ema['ratio'],
        }
    else:
        warmup = {}
    names = ('warmup', 'warmup_iters', 'warmup_ratio', 'gamma')
    assert {key: hook[key] for key in names if key in hook} == warmup
    if method(name) == 'sema':
        assert hook.get('switch_interval', 1) == 1
        assert hook.get('switch_begin', 0) == values['switch_begin']


@pytest.mark.parametrize('name', EXPECTED)
def test_sema_keeps_the_momentum_of_ema_where_its_window_fits(name):
    values = EXPECTED[name]
    if has_target(name):
        assert 'momentum' not in values['sema']
        return
    ema = values['ema']['momentum']
    fits = 1 / ema <= values['steps'] / 3
    expected = ema if fits else fitting_momentum(values['steps'])
    assert values['sema']['momentum'] == pytest.approx(expected)


def test_the_probes_of_the_readme_read_the_backbone():
    pytest.importorskip('mmpretrain')
    text = (ROOT / 'configs/selfsup/imagenet/README.md').read_text()
    names = re.findall(r'`(\w+/benchmarks/[^` ]+)`', text)
    assert len(names) == 7
    for name in names:
        cfg = get_config(f'mmpretrain::{name}.py')
        read = cfg.model.backbone.init_cfg
        assert (read.type, read.prefix) == ('Pretrained', 'backbone.')
        assert cfg.model.backbone.frozen_stages in (4, 12)


def test_index_names_every_metafile():
    found = (ROOT / 'configs').rglob('metafile.yml')
    assert sorted(INDEX) == sorted(
        path.relative_to(ROOT).as_posix() for path in found
    )


def test_metafiles_list_every_config():
    listed = [model['Config'] for model in models()]
    assert len(set(listed)) == len(listed)
    assert sorted(listed) == sorted(
        path.relative_to(ROOT).as_posix() for path in CONFIGS.values()
    )


@pytest.mark.parametrize('model', models(), ids=lambda model: model['Name'])
def test_model_of_a_metafile(model):
    name = model['Name']
    assert name == Path(model['Config']).stem
    epochs = load(name)['train_cfg']['max_epochs']
    assert model['Metadata']['Epochs'] == epochs
    assert model['Metadata']['Parameters'] > 0
    for result in model.get('Results', []):
        assert result['Dataset']
        assert result['Task']
        assert result['Metrics']


@pytest.mark.parametrize('metafile', INDEX)
def test_collections_of_a_metafile(metafile):
    content = mmengine.load(str(ROOT / metafile))
    collections = {c['Name']: c for c in content['Collections']}
    assert {m['In Collection'] for m in content['Models']} == set(collections)
    for collection in collections.values():
        readme = ROOT / collection['README']
        assert readme.is_file()
        for model in content['Models']:
            assert Path(model['Config']).name in readme.read_text()
