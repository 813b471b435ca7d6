"""Figures of a study: what is drawn, how, and that a redraw is the same."""

import re

import pytest

from research.common.methods import METHODS


@pytest.fixture
def methods():
    return METHODS


def test_methods_can_be_told_apart_without_colour(methods):
    looks = [(m.marker, m.line, m.filled) for m in methods.values()]
    assert len(set(looks)) == len(looks)
    assert methods['ema'].color == methods['ema-bn'].color
    assert methods['ema'].color != methods['sema'].color


def test_the_look_of_a_method_is_that_of_the_table(study, methods):
    look = study('drawing').look('sema-bn')
    assert look['color'] == methods['sema'].color
    assert look['markerfacecolor'] == 'white'


@pytest.mark.slow
def test_all_figures_twice(study, results_of, methods, tmp_path):
    draw, results = study('figures').draw, results_of()
    found = draw(results, tmp_path / 'once')
    names = ['curves', 'differences', 'windows', 'grid', 'robustness']
    assert [f.file.stem for f in found] == [*names, 'flatness']
    for again in draw(results, tmp_path / 'twice'):
        first = tmp_path / 'once' / again.file.name
        assert first.read_bytes() == again.file.read_bytes()
    texts = {f.file.stem: f.file.read_text() for f in found}
    for text in texts.values():
        assert '>cnn-sgd-cosine</text>' in text
    for name in ('curves', 'robustness', 'flatness'):
        assert f'>{methods["sema"].label}</text>' in texts[name]
        assert methods['sema'].color.lower() in texts[name]
    # Units.
    assert '>test error (%)</text>' in texts['curves']
    assert '>window 1 / momentum (epochs)</text>' in texts['windows']
    # The best cell of each panel of the grid, in its own weight.
    assert len(re.findall('font: (?:700|bold)', texts['grid'])) == 2


def test_nothing_to_draw_is_no_figure(study, results_of, tmp_path):
    rows = [
        row
        for row in results_of().rows
        if row.metric == 'test/accuracy' and row.method == 'baseline'
    ]
    found = study('figures').draw(results_of(rows=rows), tmp_path)
    assert [figure.file.name for figure in found] == ['curves.svg']
