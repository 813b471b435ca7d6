"""Learning curves in one number, by hand."""

import pytest

CURVE = {1: 50.0, 2: 70.0, 3: 65.0, 4: 90.0}


@pytest.fixture
def curves(study):
    return study('curves')


@pytest.mark.parametrize(
    'target, epochs',
    [
        (40.0, 1.0),  # there at the first evaluation
        (50.0, 1.0),
        (55.0, 1.25),
        (70.0, 2.0),
        (80.0, 3.6),
        (90.0, 4.0),
        (90.01, None),
    ],
)
def test_the_first_time_that_a_value_is_reached(curves, target, epochs):
    found = curves.epochs_to_reach(CURVE, target)
    assert found == pytest.approx(epochs)
    shuffled = dict(sorted(CURVE.items(), reverse=True))
    assert curves.epochs_to_reach(shuffled, target) == found


def test_a_peak_counts_though_the_curve_falls_again(curves):
    assert curves.epochs_to_reach({1: 0.0, 2: 10.0, 3: 0.0}, 10.0) == 2.0
    assert curves.epochs_to_reach({}, 1.0) is None


def test_the_area_is_the_mean_over_the_time(curves):
    # (60 + 67.5 + 77.5) / 3
    assert curves.area(CURVE) == pytest.approx(205 / 3)
    # Unequal steps: one of 3 epochs at 1, one of 1 at 5.
    assert curves.area({1: 1.0, 4: 1.0, 5: 9.0}) == pytest.approx(2.0)
    with pytest.raises(ValueError, match='curve of 1 epochs has no area'):
        curves.area({1: 50.0})
