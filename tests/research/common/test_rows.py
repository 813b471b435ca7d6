"""Rows: what is written comes back, and the rest is refused."""

import dataclasses
import gzip
from typing import Optional

import pytest

from research.common import rows as tool


@dataclasses.dataclass(frozen=True)
class Row:
    """A row with a field of every type."""

    name: str
    seed: int
    momentum: Optional[float]
    value: float


ROWS = [Row('a, "b"', 3, None, 1 / 3), Row('', -1, 0.1, float('inf'))]


@pytest.fixture(params=['rows.csv', 'rows.csv.gz'])
def file(request, tmp_path):
    return tmp_path / request.param


def text(file):
    data = file.read_bytes()
    return (gzip.decompress(data) if file.suffix == '.gz' else data).decode()


def test_rows_come_back(file):
    assert tool.read_rows(file, Row) == []
    tool.append_rows(file, ROWS[:1])
    tool.append_rows(file, ROWS[1:])
    assert tool.read_rows(file, Row) == ROWS
    assert text(file).count('momentum') == 1


def test_a_new_file_has_only_its_rows(file):
    tool.write_rows(file, ROWS)
    tool.write_rows(file, ROWS[:1])
    assert tool.read_rows(file, Row) == ROWS[:1]


def test_an_empty_file_gets_its_header(file):
    file.touch()
    tool.append_rows(file, ROWS)
    assert tool.read_rows(file, Row) == ROWS


@pytest.mark.parametrize(
    'line', ['a,1.5,0.1,2', 'a,1,0.1', 'a,1,0.1,', 'a,1,x,2', 'a']
)
def test_a_broken_line_is_named(file, line):
    tool.append_rows(file, ROWS)
    write = gzip.open if file.suffix == '.gz' else open
    with write(file, 'at') as stream:
        stream.write(f'{line}\n')
    with pytest.raises(ValueError, match='line 4 of .* is no row of name, se'):
        tool.read_rows(file, Row)


def test_rows_of_something_else_are_refused(file):
    tool.write_rows(file, [dict(name='a', value=1)])
    with pytest.raises(ValueError, match='line 2 of .* is no row'):
        tool.read_rows(file, Row)


def test_bytes_are_those_of_the_csv_module(file):
    """And the same rows make the same compressed file."""
    tool.write_rows(file, ROWS)
    assert text(file) == (
        'name,seed,momentum,value\n'
        '"a, ""b""",3,,0.3333333333333333\n'
        ',-1,0.1,inf\n'
    )
    first = file.read_bytes()
    tool.write_rows(file, [dataclasses.asdict(row) for row in ROWS])
    assert file.read_bytes() == first


def test_what_is_not_a_number_is_no_empty_cell(file):
    tool.write_rows(file, [Row('a', 1, None, float('nan'))])
    assert text(file).endswith('a,1,,nan\n')
    assert repr(tool.read_rows(file, Row)[0].value) == 'nan'


@pytest.mark.parametrize('keep', [0.6, 0.98])
def test_a_damaged_file_is_one_sentence(tmp_path, keep):
    file = tmp_path / 'rows.csv.gz'
    tool.write_rows(file, [Row(str(i), i, None, i**0.5) for i in range(99)])
    data = file.read_bytes()
    file.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(ValueError, match='rows.csv.gz is damaged: .*') as got:
        tool.read_rows(file, Row)
    assert '\n' not in str(got.value)


def test_compressed_rows_come_first(tmp_path):
    assert tool.rows_file(tmp_path).name == 'rows.csv'
    (tmp_path / 'rows.csv.gz').touch()
    assert tool.rows_file(tmp_path).name == 'rows.csv.gz'
