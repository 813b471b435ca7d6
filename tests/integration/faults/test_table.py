"""Each fault prints its sentence, and the page shows it."""

import pytest

from tests.integration.faults.case import Place
from tests.integration.faults.table import CASES, row, rows_of_the_page


def parameters():
    for case in CASES:
        marks = [pytest.mark.slow] if case.slow else []
        yield pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize('case', parameters())
def test_fault(case, tmp_path, monkeypatch):
    place = Place(tmp_path, monkeypatch)
    line = row(case, case.run(place), place)
    assert line == rows_of_the_page()[case.name]


def test_the_page_has_these_rows_and_no_others():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 40
    assert list(rows_of_the_page()) == names
