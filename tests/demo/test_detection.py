"""The demo of detection and its picture."""

import importlib
import re
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from tests.helpers.tool_runs import ROOT, run_tool

pytest.importorskip('mmdet')

import mmcv  # noqa: E402
import torch  # noqa: E402
from mmdet.structures import DetDataSample  # noqa: E402
from mmdet.structures.bbox import HorizontalBoxes  # noqa: E402
from mmdet.structures.mask import BitmapMasks  # noqa: E402
from mmengine.structures import InstanceData  # noqa: E402

from demo import detection, detection_picture  # noqa: E402

LAST = {
    'step': 6,
    'coco/bbox_mAP': 0.5,
    'coco/bbox_mAP_origin': 0.4,
    'coco/bbox_mAP_50': 0.8,
    'coco/bbox_mAP_50_origin': 0.7,
    'coco/segm_mAP': 0.45,
    'coco/segm_mAP_origin': 0.35,
    'coco/segm_mAP_50': 0.75,
    'coco/segm_mAP_50_origin': 0.65,
}


def test_table_fits_a_terminal(capsys):
    Console(width=80).print(detection.table(LAST))
    text = capsys.readouterr().out
    assert 'after epoch 6' in text
    rows = re.findall(
        r'(\w+|\w+, IoU 0\.5) +│ +(0\.\d{3}) │ +(0\.\d{3})', text
    )
    assert [row[1:] for row in rows] == [
        ('0.500', '0.400'),
        ('0.800', '0.700'),
        ('0.450', '0.350'),
        ('0.750', '0.650'),
    ]


class TestPicture:
    @pytest.fixture
    def scene(self, tmp_path):
        path = str(tmp_path / 'scene.bmp')
        mmcv.imwrite(np.zeros((32, 32, 3), np.uint8), path)
        mask = np.zeros((1, 32, 32), np.uint8)
        mask[:, 4:20, 4:12] = 1
        box = torch.tensor([[4.0, 4.0, 12.0, 20.0]])
        truth = DetDataSample(metainfo={'img_path': path})
        truth.gt_instances = InstanceData(
            bboxes=HorizontalBoxes(box),
            labels=torch.tensor([3]),
            masks=BitmapMasks(mask, 32, 32),
        )
        return truth, box, torch.from_numpy(mask).bool()

    def find(self, box, mask, *scores):
        count = len(scores)
        found = DetDataSample()
        found.pred_instances = InstanceData(
            bboxes=box.repeat(count, 1),
            labels=torch.full((count,), 3),
            scores=torch.tensor(scores),
            masks=mask.repeat(count, 1, 1),
        )
        return found

    def test_shows_what_was_found_and_sure(self, scene, tmp_path):
        truth, box, mask = scene
        drawn = {}
        for name, scores in {
            'nothing': [],
            'unsure': [0.2],
            'sure': [0.9],
            'both': [0.9, 0.2],
        }.items():
            found = self.find(box, mask, *scores)
            path = tmp_path / f'{name}.png'
            detection_picture.draw([(truth, found), (truth, found)], path)
            drawn[name] = mmcv.imread(str(path))
        assert np.array_equal(drawn['nothing'], drawn['unsure'])
        assert np.array_equal(drawn['sure'], drawn['both'])
        changed = (drawn['nothing'] != drawn['sure']).any(axis=(1, 2))
        half = len(changed) // 2
        assert not changed[:half].any()
        assert changed[half:].any()

    def test_shows_the_truth(self, scene, tmp_path):
        truth, box, mask = scene
        nothing = self.find(box, mask)
        detection_picture.draw([(truth, nothing)] * 2, tmp_path / 'one.png')
        one = mmcv.imread(str(tmp_path / 'one.png'))
        red = np.array([40, 39, 214]) * 0.5
        above = one[: len(one) // 2]
        assert (np.abs(above - red).max(axis=2) < 3).sum() > 1000
        below = one[len(one) // 2 :]
        assert not (np.abs(below - red).max(axis=2) < 3).any()


def test_make_runs_it():
    run = subprocess.run(
        ['make', '--no-print-directory', '-n', 'demo-detection'],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1].endswith('-m demo.detection')


def test_without_mmdet_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmdet.apis', None)
    for module in ('demo.detection', 'demo.detection_picture'):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(SystemExit, match='needs mmdet.*run make setup'):
        importlib.import_module('demo.detection')


@pytest.mark.slow
def test_quick_demo(tmp_path):
    run = run_tool('demo.detection', '--quick', cwd=tmp_path)
    assert run.returncode == 0, run.stdout
    assert 'epoch 1  boxes 0.' in run.stdout
    assert 'mAP after epoch 1' in run.stdout
    folder = tmp_path / 'work_dirs' / 'demo_detection'
    assert (folder / 'epoch_1.pth').is_file()
    assert mmcv.imread(str(folder / 'predictions.png')).shape[1] > 1000
    assert 'switch after epoch 1' in next(folder.glob('*/*.log')).read_text()


@pytest.mark.slow
def test_failing_training(tmp_path):
    folder = tmp_path / 'data' / 'digits_coco' / 'train'
    folder.mkdir(parents=True)
    (folder / 'mine.txt').touch()
    run = run_tool('demo.detection', '--quick', cwd=tmp_path)
    assert run.returncode == 1
    assert 'choose another data_root' in run.stdout
    last = run.stdout.splitlines()[-1]
    assert last.startswith('error: training ended with exit code')
