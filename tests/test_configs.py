"""Every config, its name, its siblings, and the index of the models."""

import re
from collections import defaultdict
from pathlib import Path

import mmengine
import pytest
from mmengine.config import Config

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = sorted(
    path
    for path in (ROOT / 'configs').rglob('*.py')
    if '_base_' not in path.parts
)
INDEX = mmengine.load(str(ROOT / 'model-index.yml'))['Import']
METHODS = ('ema', 'sema', 'swa')

#: Parts of a name are joined by '_', the words of a part by '-'.
PART = r'[a-z0-9.]+(-[a-z0-9.]+)*'
NAME = re.compile(rf'{PART}(_{PART}){{2,}}')
#: mmpretrain's third law: GPUs x batch, tricks, schedule, epochs.
TRAINING = re.compile(r'\d+xb\d+(-[a-z0-9.]+)*-\d+e')


def by_name(path):
    return path.stem


def family(path):
    """Return the name without its averaging method."""
    parts = path.stem.split('_')
    words = [
        '-'.join(w for w in part.split('-') if w not in METHODS)
        for part in parts
    ]
    return path.with_name('_'.join(word for word in words if word) + '.py')


def siblings():
    families = defaultdict(list)
    for path in CONFIGS:
        families[family(path)].append(path)
    return families


def load(path):
    pytest.importorskip('mmpretrain')
    return Config.fromfile(path).to_dict()


def models():
    return [
        model
        for metafile in INDEX
        for model in mmengine.load(str(ROOT / metafile))['Models']
    ]


def test_there_are_configs():
    assert len(CONFIGS) >= 3


@pytest.mark.parametrize('path', CONFIGS, ids=by_name)
def test_name_obeys_the_law(path):
    assert NAME.fullmatch(path.stem)
    cfg = load(path)
    if cfg['default_scope'] == 'mmpretrain':
        training = path.stem.split('_')[-2]
        assert TRAINING.fullmatch(training)
        batch = int(re.search(r'xb(\d+)', training)[1])
        epochs = int(re.search(r'-(\d+)e$', training)[1])
        assert batch == cfg['train_dataloader']['batch_size']
        assert epochs == cfg['train_cfg'].get('max_epochs', epochs)


@pytest.mark.parametrize('path', CONFIGS, ids=by_name)
def test_hooks_are_those_of_the_name(path):
    words = re.split('[_-]', path.stem)
    hooks = load(path).get('custom_hooks', [])
    ours = [h for h in hooks if h['type'] == 'sema_mm.SwitchEMAHook']
    if not set(words) & {'ema', 'sema'}:
        assert not [h for h in hooks if 'EMA' in h['type']]
        return
    (hook,) = ours
    switches = hook.get('switch_interval', 1) is not None
    assert switches == ('sema' in words)


@pytest.mark.parametrize('name', siblings(), ids=by_name)
def test_siblings_differ_only_in_custom_hooks(name):
    members = siblings()[name]
    assert name in members, 'there is no baseline'
    first, *others = (load(path) for path in members)
    first.pop('custom_hooks', None)
    for other in others:
        other.pop('custom_hooks', None)
        assert other == first


@pytest.mark.parametrize('path', CONFIGS, ids=by_name)
def test_a_leaf_only_says_what_differs(path):
    statements = re.findall(r'^\w+ = ', path.read_text(), re.MULTILINE)
    assert len(statements) <= 6


def test_index_names_every_metafile():
    found = (ROOT / 'configs').rglob('metafile.yml')
    assert sorted(INDEX) == sorted(
        path.relative_to(ROOT).as_posix() for path in found
    )


def test_metafiles_list_every_config():
    listed = [model['Config'] for model in models()]
    assert len(set(listed)) == len(listed)
    assert sorted(listed) == sorted(
        path.relative_to(ROOT).as_posix() for path in CONFIGS
    )


@pytest.mark.parametrize('model', models(), ids=lambda model: model['Name'])
def test_model_of_a_metafile(model):
    assert model['Name'] == Path(model['Config']).stem
    for result in model['Results']:
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
