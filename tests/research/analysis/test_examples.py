"""The examples of the page run, one after the other."""

import re
from pathlib import Path

import torch

PAGE = Path(__file__).parents[3] / 'research/analysis/README.md'


def test_the_examples_of_the_page():
    blocks = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.S)
    assert len(blocks) == 8
    names = {}
    with torch.random.fork_rng():
        for block in blocks:
            exec(block, names)
    assert names['height'] >= 0 and names['error'] > 0
    assert 0 <= names['below_zero'] <= 1
    assert {'position', 'loss', 'accuracy'} == set(names['rows'][0])
