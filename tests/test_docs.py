"""What the documents name must be there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = [
    path
    for pattern in ('*.md', 'docs/**/*.md', 'configs/**/*.md')
    for path in ROOT.glob(pattern)
]


@pytest.mark.parametrize('path', DOCS, ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r'\]\((?!http)([^)#]*)', path.read_text()):
        assert (path.parent / target).exists(), target


def test_deviations_name_tests_that_exist():
    text = (ROOT / 'docs/en/deviations.md').read_text()
    file = ''
    named = re.findall(
        r'`((?:test_\w+/)*test_\w+\.py)?(?:::)?(test_\w+)?`', text
    )
    assert len(named) > 30
    for new_file, name in named:
        file = new_file or file
        source = (ROOT / 'tests' / file).read_text()
        assert re.search(rf'^def {name or "test_"}', source, re.M), (
            file,
            name,
        )


def test_the_table_of_promises_has_its_tests():
    rows = re.findall(r'^\| (\d+) \|', (ROOT / 'README.md').read_text(), re.M)
    contract = (ROOT / 'tests/test_contract.py').read_text()
    assert len(rows) == 22
    for row in rows:
        if row != '12':  # has files of its own
            assert f'def test_{int(row):02}_' in contract
