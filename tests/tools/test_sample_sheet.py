"""tools/visualization/sample_sheet.py."""

import importlib
import sys

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

pytest.importorskip('mmpretrain')

from mmpretrain.structures import DataSample  # noqa: E402

from tests.helpers import tiny_data  # noqa: E402

CONFIG = """
default_scope = 'mmpretrain'
data_preprocessor = dict(to_rgb={bgr})
train_dataloader = dict(
    dataset=dict(
        type='sema_mm.tasks.regression.AgeDB',
        data_root={root!r},
        ann_file='train.txt',
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
    )
)
"""


@pytest.fixture
def draw(monkeypatch, tmp_path):
    def draw(bgr, *args):
        config = tmp_path / 'config.py'
        config.write_text(CONFIG.format(bgr=bgr, root=str(tmp_path)))
        out = tmp_path / f'{bgr}.png'
        words = ['sample_sheet.py', str(config), '--out', str(out), *args]
        monkeypatch.setattr(sys, 'argv', words)
        importlib.import_module('tools.visualization.sample_sheet').main()
        return cv2.imread(str(out)).astype(int)

    return draw


def test_colours_are_those_of_the_images(draw, tmp_path):
    tiny_data.write_imdb_wiki(tmp_path, 9)
    for path in tmp_path.glob('imdb_crop/00/*.jpg'):
        cv2.imwrite(str(path), np.full((20, 20, 3), (0, 0, 255), np.uint8))
    for bgr, channel in ((True, 2), (False, 0)):
        sheet = draw(bgr)
        coloured = np.abs(sheet - sheet.mean(-1, keepdims=True)).max(-1) > 100
        assert coloured.mean() > 0.1
        assert (sheet[coloured].argmax(-1) == channel).all()
    fewer = draw(True, '--count', '2')
    assert fewer.shape[0] < sheet.shape[0]


@pytest.fixture
def tool(monkeypatch):
    return importlib.import_module('tools.visualization.sample_sheet')


def test_views_and_titles(tool):
    views = [torch.zeros(3, 2, 2), torch.ones(3, 2, 2)]
    assert tool.first_view(views) is views[0]
    assert tool.first_view(views[1]) is views[1]
    sample = DataSample()
    assert tool.title(sample) == ''
    assert tool.title(sample.set_gt_label([3, 40])) == '3, 40'
    assert tool.title(sample.set_gt_score(torch.tensor([2.25]))) == '2.2'


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('', False),
        ('data_preprocessor = dict(to_rgb=True)', True),
        ('data_preprocessor = dict(mean=[0])', False),
        ('model = dict(data_preprocessor=dict(bgr_to_rgb=True))', True),
    ],
)
def test_order_of_the_channels(tool, text, expected):
    cfg = Config.fromstring(text, '.py')
    assert tool.stores_blue_first(cfg) is expected


def test_views_of_a_config_without_a_scope(tool, tmp_path):
    tiny_data.write_imdb_wiki(tmp_path, 5)
    views = dict(
        type='mmpretrain.MultiView',
        num_views=2,
        transforms=[[dict(type='mmpretrain.RandomFlip', prob=0.5)]],
    )
    dataset = dict(
        type='sema_mm.tasks.regression.IMDBWiki',
        data_root=str(tmp_path),
        pipeline=[
            dict(type='LoadImageFromFile'),
            views,
            dict(type='mmpretrain.PackInputs'),
        ],
    )
    cfg = Config(dict(train_dataloader=dict(dataset=dataset)))
    tool.draw(cfg, 'train', 5, tmp_path / 'sheet.png')
    sheet = cv2.imread(str(tmp_path / 'sheet.png'))
    assert (np.ptp(sheet, axis=-1) > 50).mean() > 0.02
    with pytest.raises(ValueError, match='the config has no val_dataloader'):
        tool.draw(cfg, 'val', 5, tmp_path / 'sheet.png')


def test_a_wrong_count(draw, capsys):
    with pytest.raises(SystemExit, match='2'):
        draw(True, '--count', '0')
    assert '--count 0 must be 1 or more' in capsys.readouterr().err


def test_a_wrong_data_set_is_one_sentence(draw):
    with pytest.raises(SystemExit, match='error: there is no list'):
        draw(True)
