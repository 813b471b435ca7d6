"""The length of the run that a config describes."""

import pytest
from mmengine.config import Config

from sema_mm.config.run_length import count_images, length_of_config
from tests.helpers.tool_runs import ROOT

DIGITS = ROOT / 'configs/digits/resnet18-w16_1xb32-coslr-15e_digits.py'


@pytest.mark.parametrize(
    ('name', 'length', 'gpus', 'iters'),
    [
        ('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', 117266, 8, 7330),
        ('mmdet::yolox/yolox_s_8xb8-300e_coco.py', 118287, 8, 1849),
        ('mmpretrain::deit/deit-small_4xb256_in1k.py', 1281167, 4, 1252),
    ],
)
def test_epochs_of_upstream(name, length, gpus, iters, tmp_path):
    pytest.importorskip(name.partition('::')[0])
    path = tmp_path / 'config.py'
    path.write_text(f'_base_ = {name!r}\n')
    cfg = Config.fromfile(path)
    assert length_of_config(cfg, length, gpus).iters_per_epoch == iters


def test_images_are_those_of_the_data_set():
    pytest.importorskip('mmpretrain')
    cfg = Config.fromfile(DIGITS)
    assert count_images(cfg) == 1074
    cfg.train_dataloader.dataset.indices = 480
    assert count_images(cfg) == 480
    cfg.train_dataloader.dataset.type = 'Nothing'
    with pytest.raises(ValueError, match='cannot be counted .KeyError'):
        count_images(cfg)
