"""What the tests of train.py and test.py share."""

import sys

import pytest
from mmengine.config import Config

from tests.tool_runs import TOY_CONFIG


@pytest.fixture
def config(tmp_path):
    """Write the toy config."""
    path = tmp_path / 'toy.py'
    path.write_text(TOY_CONFIG)
    return path


@pytest.fixture
def merge(config, monkeypatch):
    """Give the config of a tool after merging its command line."""

    def merged(tool, *args, **changes):
        monkeypatch.setattr(sys, 'argv', [tool.__name__, str(config), *args])
        cfg = Config.fromfile(config)
        cfg.merge_from_dict(changes)
        tool.merge_args(cfg, tool.parse_args())
        return cfg

    return merged
