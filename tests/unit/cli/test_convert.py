"""tools/convert_checkpoint.py: what it reads, changes, refuses, writes."""

import argparse
import hashlib
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from torch import nn

from sema_mm import SwitchEMAHook
from tests.helpers.exact import assert_differ, assert_same, frozen
from tests.helpers.old_checkpoints import (
    MODEL_CONFIGS,
    build,
    config_text,
    save_old,
    shaken,
    with_buffers,
)
from tests.helpers.tool_runs import environment
from tests.helpers.toy import ToyModel, build_runner, find_hook
from tests.unit.checkpointing.test_safe_loading import Payload

NAMES = Path(__file__).parents[2] / 'data/mmdet2_names.json'


@pytest.fixture
def tool(monkeypatch):
    return importlib.import_module('sema_mm.cli.convert')


@pytest.fixture
def convert(tool, tmp_path, monkeypatch, capsys):
    """Run the tool here; return what it wrote, or its exit code and text."""

    def run(source, target='new.pth', *options, code=0):
        command = ['x', str(source), str(tmp_path / target), *options]
        monkeypatch.setattr(sys, 'argv', command)
        with pytest.raises(SystemExit) as caught:
            tool.main()
        text = capsys.readouterr()
        assert caught.value.code == code, text
        if code == 2:
            (sentence,) = text.err.splitlines()
            assert sentence.startswith('error: ')
            return sentence
        found = re.search(r'^wrote (.*), [\d.]+ MB$', text.out, re.M)
        return Path(found[1]), text.out

    return run


def two_models(seed=0):
    """Build a toy model, and its average, which differs in every value."""
    torch.manual_seed(seed)
    origin = ToyModel().eval()
    return shaken(origin, 3), origin


def weights_of(path, key='state_dict'):
    """Read a checkpoint as plain torch does by default."""
    state = dict(torch.load(path, weights_only=True)[key])
    prefix = 'module.' if key == 'ema_state_dict' else ''
    return {k.removeprefix(prefix): v for k, v in state.items()}


def parameters_of(model):
    return {k: v.detach() for k, v in model.named_parameters()}


def output_of(model):
    images = torch.randn(2, 3, 64, 64, generator=torch.manual_seed(1))
    with torch.no_grad():
        return model.eval()(images)


class TestOldBuffers:
    @pytest.mark.parametrize('average_in', ['weights', 'buffers'])
    @pytest.mark.parametrize('library', list(MODEL_CONFIGS))
    def test_outputs_are_those_of_the_average(
        self, library, average_in, tmp_path, convert
    ):
        pytest.importorskip(library)
        model = MODEL_CONFIGS[library]
        origin = build(model, library)
        average = shaken(origin, 1)
        old = save_old(tmp_path / 'a.pth', average, origin, average_in)
        path, _ = convert(old, 'new.pth', '--average-in', average_in)
        # The hook of old averaged no statistics: they are those of the live
        # model, which the checkpoint holds once.
        kept = average if average_in == 'weights' else origin
        for expected, key in (
            (average, 'state_dict'),
            (origin, 'ema_state_dict'),
        ):
            state = {**kept.state_dict(), **parameters_of(expected)}
            expected.load_state_dict(state)
            loaded = build(model, library)
            keys = loaded.load_state_dict(weights_of(path, key), strict=False)
            assert not keys.missing_keys
            assert keys.unexpected_keys in ([], ['steps'])
            assert_same(output_of(loaded), output_of(expected))
        assert_differ(output_of(origin), output_of(average))

    def test_averaged_statistics(self, tmp_path, convert):
        """Mmdet's and SEMA's hooks swap the whole state dict."""
        average, origin = two_models()
        state = with_buffers(average, origin, statistics=True)
        torch.save(dict(state_dict=state), tmp_path / 'a.pth')
        path, text = convert(tmp_path / 'a.pth')
        found = weights_of(path)
        # They exchange counters too, which nobody averages.
        counter = 'bn.num_batches_tracked'
        expected = dict(average.state_dict())
        expected[counter] = origin.state_dict()[counter]
        assert_same(found, expected)
        origins = weights_of(path, 'ema_state_dict')
        assert origins.pop('steps') == 1
        assert_same(origins, dict(origin.state_dict()))
        assert re.search(r'averaged +8\n +copied +1\n', text)
        assert 'unknown: 1 is noted' in text

    def test_names_that_cannot_be_told_apart(self, tmp_path, convert):
        state = {
            'a.b_c': torch.ones(2),
            'a_b.c': torch.ones(2) * 2,
            'd.e': torch.ones(3),
            'd_e': torch.ones(4),
            'ema_a_b_c': torch.zeros(2),
            'ema_d_e': torch.zeros(4),
            'ema_gone': torch.zeros(1),
        }
        torch.save(dict(state_dict=state), tmp_path / 'a.pth')
        path, text = convert(tmp_path / 'a.pth')
        assert 'ema_a_b_c: may belong to a.b_c and a_b.c' in text
        assert 'ema_gone: no weight of that name and shape' in text
        assert re.search(r'unmatched +2\n', text)
        kept = set(state) - {'ema_d_e'}
        assert set(weights_of(path)) == kept
        origin = weights_of(path, 'ema_state_dict')
        assert_same(origin['d_e'], torch.zeros(4))
        assert_same(origin['a.b_c'], torch.ones(2))

    def test_a_weight_without_an_average_is_listed(self, tmp_path, convert):
        average, origin = two_models()
        state = with_buffers(average, origin)
        del state['ema_head_bias']
        torch.save(dict(state_dict=state), tmp_path / 'a.pth')
        _, text = convert(tmp_path / 'a.pth')
        assert text.count('head.bias') == 1
        assert 'without an average:\n    head.bias\n' in text

    @pytest.mark.parametrize(
        ('name', 'meta', 'where'),
        [
            ('epoch_1.pth', {}, 'weights: assumed'),
            ('iter_10.pth', {}, 'buffers: it was saved by iteration'),
            ('a.pth', dict(config=config_text(49)), 'weights: ExpMom'),
            ('a.pth', dict(config=config_text('HIGH')), 'weights: ExpMom'),
            ('a.pth', dict(config=config_text(None)), 'buffers: ExpMom'),
            ('a.pth', dict(config=config_text('LOW')), 'buffers: ExpMom'),
            (
                'a.pth',
                dict(config=config_text(None), openmixup_version='0.2.9'),
                'weights: ExpMom',
            ),
            ('best_x.pth', dict(config=config_text(None)), 'weights: ExpMom'),
            (
                'a.pth',
                dict(config=config_text(by_epoch=False)),
                'buffers: it was saved by iteration',
            ),
            (
                'a.pth',
                dict(config=config_text(runner='IterBasedRunner')),
                'buffers: it was saved by iteration',
            ),
            ('a.pth', dict(config='a = 1'), 'weights: assumed, as its'),
            ('a.pth', dict(config='not python'), 'weights: assumed, as hooks'),
        ],
    )
    def test_where_the_average_is(self, name, meta, where, tmp_path, convert):
        average, origin = two_models()
        average_in = where.split(':')[0]
        old = save_old(tmp_path / name, average, origin, average_in, **meta)
        path, text = convert(old)
        assert f'average in    the {where}' in text
        found = weights_of(path)
        for key, value in parameters_of(average).items():
            assert torch.equal(found[key], value), key
        # mmcv had not counted the iteration that it saved after.
        late = 'by iteration' in where
        done = torch.load(path)['meta']
        assert (done['epoch'], done['iter']) == ((1, 13) if late else (2, 12))

    @pytest.mark.parametrize('kind', [SwitchEMAHook, EMAHook])
    def test_resume(self, kind, tmp_path, convert):
        """Training goes on from the origin, averaging from the average."""
        average, origin = two_models()
        old = save_old(tmp_path / 'epoch_2.pth', average, origin)
        path, _ = convert(old)
        files = [torch.load(file)['optimizer'] for file in (old, path)]
        assert_same(*files)
        notes = Notes(kind)
        runner = build_runner(
            tmp_path / 'run',
            [dict(type=kind, momentum=0.2), notes],
            load_from=str(path),
            resume=True,
        )
        runner.train()
        assert_same(notes.model, parameters_of(origin))
        found = {k: notes.average[f'module.{k}'] for k in notes.model}
        assert_same(found, parameters_of(average))
        assert notes.average['steps'] == 12 and notes.epoch == 2
        assert average_of(runner, kind).steps == 18 and runner.epoch == 3

    def test_the_config_in_a_checkpoint_never_runs(self, tmp_path, convert):
        """Mmengine would run it when it resumes the checkpoint."""
        trace = tmp_path / 'trace'
        text = f'import os\nos.system("touch {trace}")\n'
        old = save_old(tmp_path / 'a.pth', *two_models(), config=text)
        path, said = convert(old)
        assert not trace.exists()
        assert 'config' not in torch.load(path)['meta']
        assert 'meta/config, a program' in said


class Notes(Hook):
    """Keeps what model and average are as training starts."""

    priority = 'LOWEST'

    def __init__(self, kind):
        self.kind = kind

    def before_train(self, runner):
        self.model = frozen(parameters_of(runner.model))
        self.average = frozen(dict(average_of(runner, self.kind).state_dict()))
        self.epoch = runner.epoch


def average_of(runner, kind):
    """Return the averaged model of either hook."""
    hook = find_hook(runner, kind)
    return hook.average if kind is SwitchEMAHook else hook.ema_model


class TestOtherLibraries:
    def check(self, path, average, origin, steps):
        assert_same(weights_of(path), dict(average.state_dict()))
        found = weights_of(path, 'ema_state_dict')
        assert found.pop('steps') == steps
        assert_same(found, dict(origin.state_dict()))

    def test_timm(self, tmp_path, convert):
        """As timm's training script writes it, its arguments included."""
        average, origin = two_models()
        average.bn.num_batches_tracked.copy_(origin.bn.num_batches_tracked)
        content = dict(
            epoch=3,
            arch='toy',
            state_dict=origin.state_dict(),
            optimizer={},
            version=2,
            args=argparse.Namespace(model='toy', lr=0.1),
            state_dict_ema=average.state_dict(),
        )
        torch.save(content, tmp_path / 'a.pth.tar')
        path, text = convert(tmp_path / 'a.pth.tar')
        self.check(path, average, origin, steps=1)
        assert 'timm, with' in text and 'optimizer\n' in text

    def test_timm_itself(self, tmp_path, convert):
        utils = pytest.importorskip('timm.utils')
        average, origin = two_models()
        ema = utils.ModelEmaV3(origin, decay=0.9)
        ema.module.load_state_dict(average.state_dict())
        saver = utils.CheckpointSaver(
            origin,
            torch.optim.SGD(origin.parameters(), lr=0.1),
            args=argparse.Namespace(model='toy'),
            model_ema=ema,
            checkpoint_dir=str(tmp_path),
        )
        saver.save_checkpoint(epoch=1, metric=0.5)
        path, _ = convert(tmp_path / 'checkpoint-1.pth.tar')
        average.bn.num_batches_tracked.copy_(origin.bn.num_batches_tracked)
        self.check(path, average, origin, steps=1)

    def test_ema_pytorch(self, tmp_path, convert):
        average, origin = two_models()
        average.bn.num_batches_tracked.copy_(origin.bn.num_batches_tracked)
        state = {'initted': torch.tensor(True), 'step': torch.tensor(7)}
        for name, model in (('online', origin), ('ema', average)):
            for key, value in model.state_dict().items():
                state[f'{name}_model.{key}'] = value
        torch.save(dict(ema=state, epoch=1), tmp_path / 'a.pt')
        path, text = convert(tmp_path / 'a.pt')
        self.check(path, average, origin, steps=7)
        assert re.search(r'updates +7\n', text)
        assert 'left out:\n    epoch' in text

    def test_ema_pytorch_itself(self, tmp_path, convert):
        library = pytest.importorskip('ema_pytorch')
        _, origin = two_models()
        ema = library.EMA(origin, update_after_step=0, update_every=1)
        ema.update()
        shaken(origin, 5)
        origin.load_state_dict(shaken(origin, 5).state_dict())
        ema.update()
        torch.save(ema.state_dict(), tmp_path / 'a.pt')
        path, _ = convert(tmp_path / 'a.pt')
        found = weights_of(path)
        for key, value in ema.ema_model.named_parameters():
            assert torch.equal(found[key], value), key
            assert not torch.equal(value, origin.state_dict()[key]), key

    def test_ema_pytorch_without_the_online_model(self, tmp_path, convert):
        average, _ = two_models()
        state = {f'ema_model.{k}': v for k, v in average.state_dict().items()}
        state.update(initted=torch.tensor(False), step=torch.tensor(0))
        torch.save(state, tmp_path / 'a.pt')
        path, text = convert(tmp_path / 'a.pt')
        assert_same(weights_of(path), dict(average.state_dict()))
        assert 'ema_state_dict' not in torch.load(path)
        assert 'average alone' in text
        assert 'averaging had not begun' in text
        sentence = convert(
            tmp_path / 'a.pt', 'b.pth', '--export', 'origin', code=2
        )
        assert 'holds no origin' in sentence

    @pytest.mark.parametrize('wrapped', [False, True])
    def test_torch(self, wrapped, tmp_path, convert):
        """As torchvision's training script writes it."""
        average, origin = two_models()
        averaged = torch.optim.swa_utils.AveragedModel(origin)
        averaged.update_parameters(origin)
        averaged.update_parameters(average)
        state = averaged.state_dict()
        if wrapped:
            state = {
                k.replace('module.', 'module.module.'): v
                for k, v in state.items()
            }
        content = dict(model=origin.state_dict(), model_ema=state, epoch=1)
        torch.save(content, tmp_path / 'a.pth')
        path, _ = convert(tmp_path / 'a.pth')
        found = weights_of(path)
        for key, value in averaged.module.named_parameters():
            assert torch.equal(found[key], value), key
        origins = weights_of(path, 'ema_state_dict')
        assert origins['steps'] == 2
        assert_same(origins['head.bias'], origin.head.bias.detach())

    def test_mmengine(self, tmp_path, convert):
        """Nothing changes: EMAHook resumes the result as the original."""
        hook = dict(type='mmengine.EMAHook', momentum=0.1)
        build_runner(tmp_path / 'a', hook, epochs=2).train()
        old = tmp_path / 'a' / 'epoch_1.pth'
        path, text = convert(old)
        read = [torch.load(p, weights_only=False) for p in (old, path)]
        for key in ('state_dict', 'ema_state_dict', 'optimizer', 'meta'):
            assert_same(dict(read[0][key]), dict(read[1][key]))
        assert set(read[0]) == set(read[1])
        assert re.search(r'updates +6\n', text)
        ends = []
        for file in (old, path):
            SwitchEMAHook()  # lets mmengine read its own checkpoints
            runner = build_runner(
                tmp_path / file.stem,
                hook,
                epochs=2,
                load_from=str(file),
                resume=True,
            )
            runner.train()
            ends.append(frozen(dict(runner.model.state_dict())))
        assert_same(*ends)

    def test_a_named_format_must_be_that(self, tmp_path, convert):
        old = save_old(tmp_path / 'a.pth', *two_models())
        sentence = convert(old, 'b.pth', '--from', 'timm', code=2)
        assert 'not of the format --from timm' in sentence
        convert(old, 'b.pth', '--from', 'mmcv')


def names_of(config, **changes):
    """Return the names in a real model of mmdet, which takes no memory."""
    pytest.importorskip('mmdet')
    cfg = Config.fromfile(
        Path(sys.modules['mmdet'].__file__).parent / '.mim/configs' / config
    )
    cfg.merge_from_dict(changes)
    with torch.device('meta'):
        return list(build(cfg.model, 'mmdet').state_dict())


@pytest.mark.parametrize('config', list(json.loads(NAMES.read_text())))
def test_old_names_of_mmdet(config, tmp_path, convert):
    """Names of mmdet 2.28.2 become those of the model that is installed."""
    case = json.loads(NAMES.read_text())[config]
    old = {name: torch.zeros(1) for name in case['old']}
    second = {f'ema_{k.replace(".", "_")}': torch.ones(1) for k in old}
    content = dict(state_dict={**old, **second}, optimizer={})
    torch.save(content, tmp_path / 'a.pth')
    path, text = convert(tmp_path / 'a.pth')
    # The optimizer numbers weights, whose order is another now.
    assert 'optimizer: the order' in text
    assert 'optimizer' not in torch.load(path)
    new = names_of(config, **case['changes'])
    ours = set(weights_of(path))
    assert ours == {n for n in new if n.split('.')[0] != 'backbone'}
    moved = len(set(old) - ours)
    assert moved and re.search(rf'renamed +{moved}\n', text)
    path, text = convert(tmp_path / 'a.pth', 'kept.pth', '--keep-names')
    assert set(weights_of(path)) == set(old)


def test_old_names_of_openmixup(tmp_path, convert):
    """The stem of its DenseNet for CIFAR is called as in ours."""
    names = ('stem.0.weight', 'transitions.0.conv.weight')
    state = {f'backbone.{name}': torch.ones(1) for name in names}
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    export = ('--export', 'origin')
    path, _ = convert(tmp_path / 'a.pth', 'new.pth', *export)
    ours = {'backbone.stem.weight', 'backbone.transitions.0.conv.weight'}
    assert set(weights_of(path)) == ours
    # mmpretrain's DenseNet has a BatchNorm in its stem, and is left alone.
    state['backbone.stem.1.weight'] = torch.ones(1)
    torch.save(dict(state_dict=state), tmp_path / 'b.pth')
    path, _ = convert(tmp_path / 'b.pth', 'new.pth', *export)
    assert set(weights_of(path)) == set(state)


def test_class_numbers_of_an_old_mmdet_are_mentioned(tmp_path, convert):
    for version, said in (('2.4.0+abc', 1), ('2.25.0', 0), ('3.1.0', 0)):
        old = save_old(
            tmp_path / 'a.pth', *two_models(), mmdet_version=version
        )
        _, text = convert(old, 'b.pth', '--force')
        assert text.count('upgrade_model_version.py') == said


class TestFiles:
    def test_a_payload_does_not_run(self, tmp_path, convert):
        trace = tmp_path / 'trace'
        payload = Payload(os.system, f'touch {trace}')
        torch.save(dict(state_dict=payload), tmp_path / 'a.pth')
        sentence = convert(tmp_path / 'a.pth', code=2)
        assert 'could run code when read' in sentence
        assert not trace.exists() and not (tmp_path / 'new.pth').exists()

    @pytest.mark.parametrize(
        ('content', 'words'),
        [
            (b'hello', 'is no checkpoint: torch.save did not'),
            (b'', 'is empty'),
            ([1, 2], 'holds a list, not a checkpoint'),
            (dict(a=1, b='x'), 'no state dict that is known here; it holds a'),
            ({}, 'it holds nothing'),
            (dict(state_dict=dict(w=torch.ones(1))), 'holds no average'),
            (nn.Linear(1, 1), 'objects other than data'),
        ],
    )
    def test_what_cannot_be_read(self, content, words, tmp_path, convert):
        path = tmp_path / 'a.pth'
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            torch.save(content, path)
        assert words in convert(path, code=2)

    @pytest.mark.parametrize(
        ('source', 'target', 'words'),
        [
            ('no.pth', 'b.pth', 'no.pth can not be found'),
            ('no.safetensors', 'b.pth', 'no.safetensors can not be found'),
            ('.', 'b.pth', 'is a folder'),
            ('a.pth', 'b.onnx', 'OUT must end in .pth or .pt'),
            ('a.pth', 'b.safetensors', 'holds weights alone, see --export'),
            ('a.pth', 'no/b.pth', 'there is no folder'),
            ('a.pth', 'a.pth', 'a.pth exists already'),
        ],
    )
    def test_wrong_paths(self, source, target, words, tmp_path, convert):
        save_old(tmp_path / 'a.pth', *two_models())
        before = (tmp_path / 'a.pth').read_bytes()
        assert words in convert(tmp_path / source, target, code=2)
        assert (tmp_path / 'a.pth').read_bytes() == before
        assert os.listdir(tmp_path) == ['a.pth']

    def test_force_replaces(self, tmp_path, convert):
        save_old(tmp_path / 'a.pth', *two_models())
        path, _ = convert(tmp_path / 'a.pth', 'a.pth', '--force')
        assert 'ema_state_dict' in torch.load(path)

    @pytest.mark.parametrize('force', [(), ('--force',)])
    def test_a_failed_write_leaves_nothing(
        self, force, tmp_path, convert, monkeypatch
    ):
        save_old(tmp_path / 'a.pth', *two_models())

        def fail(*args):
            raise OSError('no space left on device')

        monkeypatch.setattr(os, 'fsync', fail)
        sentence = convert(tmp_path / 'a.pth', 'b.pth', *force, code=2)
        assert 'no space left' in sentence
        assert os.listdir(tmp_path) == ['a.pth']

    def test_a_file_that_appears_meanwhile_is_kept(
        self, tmp_path, convert, monkeypatch
    ):
        save_old(tmp_path / 'a.pth', *two_models())
        other = tmp_path / 'b.pth'
        monkeypatch.setattr(os, 'fsync', lambda _: other.write_text('mine'))
        assert 'exists already' in convert(tmp_path / 'a.pth', 'b.pth', code=2)
        assert other.read_text() == 'mine'
        assert sorted(os.listdir(tmp_path)) == ['a.pth', 'b.pth']

    def test_parts_of_large_tensors_are_copied(self, tmp_path, convert):
        large = torch.randn(100_000)
        state = {'a': large[:3], 'b': large[3:6].view(3), 'ema_a': large[6:9]}
        torch.save(dict(state_dict=state), tmp_path / 'a.pth')
        path, _ = convert(tmp_path / 'a.pth')
        assert path.stat().st_size < 20_000
        assert_same(weights_of(path)['b'], large[3:6])

    @pytest.mark.parametrize('export', [(), ('--export', 'average')])
    def test_versions_of_modules_are_kept(self, export, tmp_path, convert):
        """Libraries go by them when they rename what they load."""
        average, origin = two_models()
        averaged = torch.optim.swa_utils.AveragedModel(average)
        torch.save(averaged.state_dict(), tmp_path / 'a.pth')
        for old in (
            save_old(tmp_path / 'b.pth', average, origin),
            tmp_path / 'a.pth',
        ):
            path, _ = convert(old, 'c.pth', *export, '--force')
            state = torch.load(path)['state_dict']
            assert state._metadata == average.state_dict()._metadata

    def test_equal_weights_are_stored_once(self, tmp_path, convert):
        _, origin = two_models()
        old = save_old(tmp_path / 'a.pth', origin, origin)
        path, _ = convert(old)
        read = torch.load(path)
        for key, value in read['state_dict'].items():
            other = read['ema_state_dict'][f'module.{key}']
            assert other.data_ptr() == value.data_ptr(), key


class TestExport:
    @pytest.mark.parametrize('ending', ['pth', 'safetensors'])
    @pytest.mark.parametrize('which', ['average', 'origin'])
    def test_weights_alone(self, which, ending, tmp_path, convert):
        average, origin = two_models()
        old = save_old(
            tmp_path / 'a.pth', average, origin, CLASSES=('no', 'yes')
        )
        path, _ = convert(old, f'm.{ending}', '--export', which)
        model = average if which == 'average' else origin
        if ending == 'pth':
            read = torch.load(path, weights_only=True)
            assert set(read) == {'meta', 'state_dict'}
            assert read['meta'] == dict(
                dataset_meta=dict(classes=('no', 'yes')), epoch=2, iter=12
            )
            state = read['state_dict']
        else:
            state = pytest.importorskip('safetensors.torch').load_file(path)
        for key, value in parameters_of(model).items():
            assert torch.equal(state[key], value), key
        assert set(state) == set(model.state_dict())

    @pytest.mark.parametrize('ending', ['pth', 'safetensors'])
    def test_hash_in_the_name(self, ending, tmp_path, convert):
        """The same weights give the same bytes, wherever they come from."""
        old = save_old(tmp_path / 'a.pth', *two_models())
        target = f'resnet18.{ending}'
        path, _ = convert(old, target, '--export', 'average')
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert path.name == f'resnet18-{digest[:8]}.{ending}'
        sentence = convert(old, target, '--export', 'average', code=2)
        assert f'{path} exists already' in sentence
        new, _ = convert(old, 'between.pth')
        again, _ = convert(new, target, '--export', 'average', '--force')
        assert again == path
        other, _ = convert(old, target, '--export', 'origin')
        assert other != path

    def test_one_tensor_of_two_names(self, tmp_path, convert):
        model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        model[1].weight = model[0].weight
        torch.save(model.state_dict(), tmp_path / 'a.pth')
        for ending in ('pth', 'safetensors'):
            path, _ = convert(
                tmp_path / 'a.pth', f'b.{ending}', '--export', 'origin'
            )
        state = pytest.importorskip('safetensors.torch').load_file(path)
        assert_same(state, {k: v for k, v in model.state_dict().items()})

    def test_safetensors_are_read(self, tmp_path, convert):
        average, origin = two_models()
        save = pytest.importorskip('safetensors.torch').save_file
        save(with_buffers(average, origin), tmp_path / 'a.safetensors')
        path, _ = convert(tmp_path / 'a.safetensors')
        head = weights_of(path)['head.bias']
        assert torch.equal(head, average.head.bias)

    @pytest.mark.slow
    def test_mmdet_loads_it_without_this_package(self, tmp_path, convert):
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


class TestConfig:
    @pytest.fixture
    def config(self, tmp_path):
        path = tmp_path / 'toy.py'
        path.write_text("model = dict(type='tests.helpers.toy.ToyModel')\n")
        return str(path)

    def test_a_model_that_fits(self, config, tmp_path, convert):
        old = save_old(tmp_path / 'a.pth', *two_models())
        _, text = convert(old, 'b.pth', '--config', config)
        assert 'all 9 names' in text

    def test_every_name_that_does_not_fit(self, config, tmp_path, convert):
        average, origin = two_models()
        state = with_buffers(average, origin)
        state['extra.weight'] = torch.ones(1)
        del state['bn.bias'], state['ema_bn_bias']
        for key in ('head.bias', 'ema_head_bias'):
            state[key] = torch.ones(7)
        torch.save(dict(state_dict=state), tmp_path / 'a.pth')
        path, text = convert(
            tmp_path / 'a.pth', 'b.pth', '--config', config, code=1
        )
        assert 'missing:\n    bn.bias\n  unexpected:' in text
        assert 'unexpected:\n    extra.weight\n  of another' in text
        assert re.search(r'of another shape:\n    head.bias: .*\[7\]', text)
        assert path.exists()

    @pytest.mark.parametrize(
        ('text', 'words'),
        [
            ('a = 1', 'has no model'),
            ("model = dict(type='Nothing')", 'cannot be built: KeyError'),
        ],
    )
    def test_wrong_configs(self, text, words, config, tmp_path, convert):
        Path(config).write_text(text)
        old = save_old(tmp_path / 'a.pth', *two_models())
        sentence = convert(old, 'b.pth', '--config', config, code=2)
        assert words in sentence
        assert not (tmp_path / 'b.pth').exists()
