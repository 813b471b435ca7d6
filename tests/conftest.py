"""What the tests of train.py and test.py share, and those of studies."""

import importlib
import sys

import pytest
from mmengine.config import Config

from tests.helpers.study_rows import SETTINGS, STEPS, study_rows
from tests.helpers.tool_runs import TOY_CONFIG


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


@pytest.fixture
def study():
    """Import a module of research.study."""
    return lambda name: importlib.import_module(f'research.study.{name}')


@pytest.fixture
def results_of(study):
    """Make results of planted rows."""

    def make(rows=None, settings=SETTINGS, **options):
        if rows is None:
            rows = study_rows(settings=settings, **options)
        return study('results').Results(rows, STEPS, settings)

    return make
