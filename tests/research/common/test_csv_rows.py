"""research/common/csv_rows.py: what is written comes back, and the rest is refused."""

import dataclasses
import importlib
from typing import Optional

import pytest


@dataclasses.dataclass(frozen=True)
class Row:
    """A row with a field of every type."""

    name: str
    seed: int
    momentum: Optional[float]
    value: float


ROWS = [Row('a, "b"', 3, None, 1 / 3), Row('', -1, 0.1, float('inf'))]


@pytest.fixture
def tool(monkeypatch):
    return importlib.import_module('research.common.csv_rows')


@pytest.fixture
def file(tmp_path):
    return tmp_path / 'rows.csv'


def test_rows_come_back(tool, file):
    assert tool.read_rows(file, Row) == []
    tool.append_rows(file, Row, ROWS[:1])
    tool.append_rows(file, Row, ROWS[1:])
    assert tool.read_rows(file, Row) == ROWS
    assert file.read_text().count('momentum') == 1


def test_a_new_file_has_only_its_rows(tool, file):
    tool.write_rows(file, Row, ROWS)
    tool.write_rows(file, Row, ROWS[:1])
    assert tool.read_rows(file, Row) == ROWS[:1]


def test_an_empty_file_gets_its_header(tool, file):
    file.touch()
    tool.append_rows(file, Row, ROWS)
    assert tool.read_rows(file, Row) == ROWS


@pytest.mark.parametrize(
    'line', ['a,1.5,0.1,2', 'a,1,0.1', 'a,1,0.1,', 'a,1,x,2', 'a']
)
def test_a_broken_line_is_named(tool, file, line):
    tool.append_rows(file, Row, ROWS)
    with open(file, 'a') as stream:
        stream.write(f'{line}\n')
    with pytest.raises(ValueError, match='line 4 of .* is no row of name, se'):
        tool.read_rows(file, Row)


def test_rows_of_something_else_are_refused(tool, file):
    file.write_text('name,value\na,1\n')
    with pytest.raises(ValueError, match='line 2 of .* is no row'):
        tool.read_rows(file, Row)
