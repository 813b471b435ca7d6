"""The scenes of real digits."""

import concurrent.futures
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from mmengine.registry import DefaultScope

from tests.helpers.tool_runs import environment

pytest.importorskip('mmdet')

import mmcv  # noqa: E402
import torch  # noqa: E402
from mmdet.evaluation import CocoMetric  # noqa: E402
from pycocotools import mask as coco_mask  # noqa: E402
from pycocotools.coco import COCO  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402

from sema_mm.tasks.detection import DigitsCoco, coco_folder  # noqa: E402
from sema_mm.tasks.detection.coco_folder import make_folder  # noqa: E402
from sema_mm.tasks.detection.digit_scenes import (  # noqa: E402
    SIDE,
    VISIBLE,
    compose_scene,
    enlarge,
)
from sema_mm.tasks.digit_images import split_indices  # noqa: E402

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackDetInputs'),
]


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Twelve training scenes."""
    folder = tmp_path_factory.mktemp('made') / 'train'
    make_folder(folder, 'train', 12, 0)
    return folder


@pytest.fixture(scope='module')
def coco(made):
    return COCO(str(made / 'instances.json'))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def digest(folder):
    found = hashlib.sha256()
    for name, content in sorted(contents(folder).items()):
        found.update(name.encode() + content)
    return found.hexdigest()


class TestScenes:
    def test_two_builds_are_equal_to_the_byte(self, made, tmp_path):
        make_folder(tmp_path / 'again', 'train', 12, 0)
        assert contents(tmp_path / 'again') == contents(made)

    def test_every_machine_makes_the_same(self, made):
        # Another digest is another data set: raise coco_folder.VERSION.
        assert coco_folder.VERSION == 1
        assert digest(made).startswith('b0913edb35afe4b0')

    def test_a_scene_depends_on_its_index_alone(self, made, tmp_path):
        make_folder(tmp_path / 'few', 'train', 3, 0)
        few, many = contents(tmp_path / 'few'), contents(made)
        assert len(few) == 4
        assert len(set(many.values())) == len(many)
        for index in range(3):
            name = f'{index:06}.bmp'
            assert few[name] == many[name]

    @pytest.mark.parametrize(('split', 'seed'), [('val', 0), ('train', 1)])
    def test_another_split_or_seed_is_another_scene(
        self, made, tmp_path, split, seed
    ):
        make_folder(tmp_path / 'other', split, 2, seed)
        for name in ('000000.bmp', '000001.bmp'):
            one = mmcv.imread(str(made / name)).astype(int)
            two = mmcv.imread(str(tmp_path / 'other' / name)).astype(int)
            # Of another background, not only of other digits.
            assert np.median(np.abs(one - two)) > 3

    @pytest.mark.parametrize('split', ['train', 'val', 'test'])
    def test_digits_are_those_of_the_split(self, split, tmp_path, monkeypatch):
        used = []

        def spy(images, labels, rng):
            used.append((images, labels))
            return compose_scene(images, labels, rng)

        monkeypatch.setattr(coco_folder, 'compose_scene', spy)
        make_folder(tmp_path / 'spied', split, 1, 0)
        ((images, labels),) = used
        source = load_digits()
        chosen = split_indices(source.target, split)
        assert np.array_equal(labels, source.target[chosen])
        levels = np.round(images * (16 / 255))
        assert np.array_equal(levels, source.images[chosen])

    def test_all_classes_and_sizes_occur(self):
        source = load_digits()
        images = np.round(source.images * (255 / 16)).astype(np.uint8)
        scenes = [
            compose_scene(images, source.target, np.random.default_rng(seed))
            for seed in range(60)
        ]
        labels = [label for scene in scenes for label in scene.labels]
        counts = np.bincount(labels, minlength=10)
        assert counts.min() > 0.5 * counts.mean()
        areas = [mask.sum() for scene in scenes for mask in scene.masks]
        assert min(areas) < 200 < 800 < max(areas)

    def test_a_later_digit_hides_an_earlier_one(self):
        solid = np.full((1, 8, 8), 255, np.uint8)
        hidden = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            scene = compose_scene(solid, np.zeros(1, int), rng)
            assert scene.masks
            assert not (np.sum(scene.masks, axis=0) > 1).any()
            for mask in scene.masks:
                # One colour, plus noise of at most 12 each way.
                colours = scene.image[mask].astype(int)
                assert (np.ptp(colours, axis=0) <= 24).all()
                rows, columns = mask.any(1).sum(), mask.any(0).sum()
                hidden += mask.sum() < rows * columns
                assert mask.sum() >= VISIBLE * 28 * 21
        assert hidden > 20

    def test_enlarging_keeps_lines_straight(self):
        ramp = np.add.outer(3.0 * np.arange(8), np.arange(8))
        large = enlarge(ramp, 32, 24)
        assert large.shape == (32, 24)
        inner = large[2:-2, 2:-2]
        assert np.allclose(np.diff(inner, axis=0), 3 / 4)
        assert np.allclose(np.diff(inner, axis=1), 1 / 3)
        assert (large.min(), large.max()) == (ramp.min(), ramp.max())


class TestFiles:
    def test_boxes_are_tight_and_areas_right(self, coco):
        assert sorted(coco.getCatIds()) == list(range(10))
        assert len(coco.getImgIds()) == 12
        assert len(coco.anns) > 30
        for annotation in coco.anns.values():
            mask = coco.annToMask(annotation)
            assert mask.shape == (SIDE, SIDE)
            assert annotation['area'] == mask.sum() > 0
            left, top, width, height = annotation['bbox']
            inside = mask[top : top + height, left : left + width]
            assert inside.sum() == mask.sum()
            for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
                assert edge.any()

    def test_masks_are_where_the_ink_is(self, coco, made):
        for number, picture in coco.imgs.items():
            image = mmcv.imread(str(made / picture['file_name']))
            assert image.shape == (SIDE, SIDE, 3)
            brightest = image.max(axis=2).astype(int)
            found = coco.imgToAnns[number]
            masks = [coco.annToMask(a).astype(bool) for a in found]
            assert np.sum(masks, axis=0).max() == 1
            paper = brightest[~np.any(masks, axis=0)].mean()
            for mask in masks:
                assert brightest[mask].mean() > paper + 70

    def test_made_once(self, made):
        before = (made / 'instances.json').stat().st_mtime_ns
        make_folder(made, 'train', 12, 0)
        assert (made / 'instances.json').stat().st_mtime_ns == before

    @pytest.mark.parametrize('change', ['scenes', 'seed', 'version', 'file'])
    def test_others_are_replaced(self, change, made, tmp_path, monkeypatch):
        arguments = {'scenes': 12, 'seed': 0}
        if change == 'version':
            monkeypatch.setattr(coco_folder, 'VERSION', 0)
        elif change != 'file':
            arguments[change] = 20
        folder = tmp_path / 'train'
        make_folder(folder, 'train', **arguments)
        if change == 'file':
            text = (folder / 'instances.json').read_text()
            stale = json.loads(text)
            stale['info']['scenes'] = 11
            (folder / 'instances.json').write_text(json.dumps(stale))
        assert contents(folder) != contents(made)
        monkeypatch.undo()
        make_folder(folder, 'train', 12, 0)
        assert contents(folder) == contents(made)
        assert names(tmp_path) == {'train', '.train.lock'}

    def test_an_interruption_leaves_nothing(self, made, tmp_path, monkeypatch):
        folder = tmp_path / 'train'
        make_folder(folder, 'train', 2, 0)
        before = contents(folder)
        calls = []

        def break_off(*args):
            calls.append(args)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return compose_scene(*args)

        monkeypatch.setattr(coco_folder, 'compose_scene', break_off)
        with pytest.raises(KeyboardInterrupt):
            make_folder(folder, 'train', 12, 0)
        assert contents(folder) == before
        assert names(tmp_path) == {'train', '.train.lock'}

    def test_folders_of_others_are_left_alone(self, tmp_path):
        folder = tmp_path / 'train'
        folder.mkdir()
        (folder / 'thesis.tex').write_text('my only copy')
        with pytest.raises(ValueError, match="holds a 'train'.*choose anoth"):
            make_folder(folder, 'train', 2, 0)
        assert (folder / 'thesis.tex').read_text() == 'my only copy'

    def test_an_empty_folder_is_filled(self, tmp_path):
        (tmp_path / 'train').mkdir()
        make_folder(tmp_path / 'train', 'train', 1, 0)
        assert (tmp_path / 'train' / '000000.bmp').is_file()

    def test_one_of_several_makes_it(self, made, tmp_path, monkeypatch):
        folder = tmp_path / 'train'
        writes = []
        write = coco_folder._write

        def spy(*args):
            writes.append(args)
            write(*args)

        monkeypatch.setattr(coco_folder, '_write', spy)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            jobs = [
                pool.submit(make_folder, folder, 'train', 12, 0)
                for _ in range(4)
            ]
            for job in jobs:
                job.result()
        assert len(writes) == 1
        assert contents(folder) == contents(made)

    @pytest.mark.slow
    def test_processes_build_at_once(self, made, tmp_path):
        code = (
            'import pathlib, sys\n'
            'from sema_mm.tasks.detection.coco_folder import make_folder\n'
            "make_folder(pathlib.Path('data/train'), 'train', 12, 0)"
        )
        runs = [
            subprocess.Popen(
                [sys.executable, '-c', code], cwd=tmp_path, env=environment()
            )
            for _ in range(2)
        ]
        assert [run.wait() for run in runs] == [0, 0]
        assert contents(tmp_path / 'data' / 'train') == contents(made)
        assert names(tmp_path / 'data') == {'train', '.train.lock'}


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp('root')
    with DefaultScope.overwrite_default_scope('mmdet'):
        return DigitsCoco(
            'val', scenes=8, data_root=str(root), pipeline=PIPELINE
        )


class TestDataset:
    def test_items(self, dataset):
        assert len(dataset) == 8
        assert dataset.metainfo['classes'] == tuple('0123456789')
        item = dataset[3]
        assert item['inputs'].shape == (3, SIDE, SIDE)
        instances = item['data_samples'].gt_instances
        masks = instances.masks.to_ndarray()
        assert len(instances) == len(masks) > 0
        for box, mask in zip(instances.bboxes.tensor.tolist(), masks):
            left, top, right, bottom = map(int, box)
            assert mask[top:bottom, left:right].sum() == mask.sum()

    def test_sizes_of_the_splits(self, tmp_path, monkeypatch):
        asked = []
        monkeypatch.setattr(
            'sema_mm.tasks.detection.digits_coco.make_folder',
            lambda *args: asked.append(args[1:]),
        )
        for split in ('train', 'val', 'test'):
            DigitsCoco(split, data_root=str(tmp_path), lazy_init=True)
        assert asked == [('train', 400, 0), ('val', 100, 0), ('test', 100, 0)]

    @pytest.mark.parametrize(
        ('arguments', 'message'),
        [
            ({'split': 'dev'}, "'train', 'val' or 'test'.*'dev'"),
            ({'scenes': 0}, 'scenes must be an integer of at least 1.*0'),
            ({'scenes': 2.5}, 'scenes must be an integer.*2.5'),
            ({'seed': -1}, 'seed must be an integer of at least 0.*-1'),
        ],
    )
    def test_wrong_values(self, arguments, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            DigitsCoco(data_root=str(tmp_path), **arguments)
        assert not any(tmp_path.iterdir())

    @pytest.mark.parametrize('name', ['ann_file', 'spilt'])
    def test_wrong_arguments(self, name, tmp_path):
        with pytest.raises(TypeError, match=name):
            DigitsCoco(scenes=1, data_root=str(tmp_path), **{name: 'val'})


class TestMetric:
    def evaluate(self, dataset, shift):
        metric = CocoMetric(ann_file=dataset.ann_file, metric=['bbox', 'segm'])
        metric.dataset_meta = dataset.metainfo
        for index in range(len(dataset)):
            truth = dataset[index]['data_samples']
            instances = truth.gt_instances
            masks = np.roll(instances.masks.to_ndarray(), shift, axis=2)
            found = dict(
                bboxes=instances.bboxes.tensor + torch.tensor([shift, 0] * 2),
                labels=instances.labels,
                scores=torch.ones(len(instances)),
                masks=[
                    coco_mask.encode(np.asfortranarray(mask)) for mask in masks
                ],
            )
            sample = dict(
                img_id=truth.img_id,
                ori_shape=truth.ori_shape,
                pred_instances=found,
            )
            metric.process({}, [sample])
        return metric.evaluate(len(dataset))

    def test_the_truth_is_perfect(self, dataset):
        metrics = self.evaluate(dataset, 0)
        assert metrics['coco/bbox_mAP'] == 1
        assert metrics['coco/segm_mAP'] == 1

    def test_what_is_beside_it_is_not(self, dataset):
        metrics = self.evaluate(dataset, 4)
        assert 0.1 < metrics['coco/bbox_mAP'] < 0.8
        assert metrics['coco/segm_mAP'] < metrics['coco/bbox_mAP']


@pytest.mark.slow
@pytest.mark.parametrize(
    ('missing', 'answers'),
    [
        ('mmdet', ['imported', 'pip install mmdet']),
        ('mmpretrain', ['pip install mmpretrain', 'imported']),
    ],
)
def test_each_dataset_needs_its_own_library(missing, answers, tmp_path):
    code = (
        'import sys\n'
        f'sys.modules[{missing!r}] = None\n'
        'import importlib\n'
        "for task in ('classification', 'detection'):\n"
        '    try:\n'
        "        importlib.import_module(f'sema_mm.tasks.{task}')\n"
        '        print("imported")\n'
        '    except ImportError as error:\n'
        '        print(error)'
    )
    run = subprocess.run(
        [sys.executable, '-c', code],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = run.stdout.splitlines()
    assert len(lines) == 2
    for answer, line in zip(answers, lines):
        assert answer in line


def test_unknown_name():
    with pytest.raises(ImportError, match="cannot import name 'Numbers'"):
        from sema_mm.tasks.detection import Numbers  # noqa: F401


def test_without_scikit_learn(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)
    with pytest.raises(ImportError, match='pip install scikit-learn'):
        DigitsCoco('train', data_root=str(tmp_path))
