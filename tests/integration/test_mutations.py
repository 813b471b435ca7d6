"""Mutations still fit the code; ``tests.helpers.mutations`` tries them."""

import pytest

from tests.helpers.mutations import MUTATIONS, ROOT

CONTRACT = (ROOT / 'tests/integration/test_contract.py').read_text()


@pytest.mark.parametrize('row, name, old, new', MUTATIONS)
def test_a_mutation_changes_what_is_there(row, name, old, new):
    text = (ROOT / 'sema_mm' / name).read_text()
    assert old in text and text.replace(old, new) != text
    assert f'def test_{row}' in CONTRACT
