"""tools/sample_sheet.py."""

import sys

import cv2
import numpy as np
import pytest

pytest.importorskip('mmpretrain')

from tests import tiny_data  # noqa: E402
from tests.tool_runs import load_tool  # noqa: E402

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
        load_tool('sample_sheet', monkeypatch).main()
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


def test_a_wrong_data_set_is_one_sentence(draw):
    with pytest.raises(SystemExit, match='error: there is no list'):
        draw(True)
