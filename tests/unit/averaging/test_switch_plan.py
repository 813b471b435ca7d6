"""The plan of a run of which only the numbers are known."""

import itertools

import pytest

from sema_mm import AveragingOptions, SwitchSchedule
from sema_mm.averaging.switch_plan import (
    RunLength,
    SwitchPlan,
    fits,
    fitting_momentum,
)


def plan(length, schedule, by_epoch=True, begin_epoch=0, begin_iter=0):
    return SwitchPlan.of_length(
        length, schedule, by_epoch, begin_epoch, begin_iter
    )


def simulated(epochs, per_epoch, counts, schedule, by_epoch, begin):
    """Run through all iterations, as a loop does, and note the switches."""
    averaged, units = False, []
    total = epochs * per_epoch
    for done in range(1, total + 1):
        stepped = done % counts == 0 or done == total
        averaged |= stepped and done >= begin
        ends = done % per_epoch == 0 if by_epoch else True
        unit = done // per_epoch if by_epoch else done
        if averaged and ends and schedule.is_due(unit):
            units.append(unit)
    return units


@pytest.mark.parametrize('by_epoch', [True, False])
def test_units_are_those_of_a_run(by_epoch):
    seen = 0
    for epochs, per_epoch, counts, interval, first, begin in itertools.product(
        (1, 4), (1, 5), (1, 2, 7), (1, 3), (0, 2), (0, 4, 11)
    ):
        schedule = SwitchSchedule(interval, first)
        expected = simulated(
            epochs, per_epoch, counts, schedule, by_epoch, begin
        )
        length = RunLength.of_epochs(epochs, per_epoch, counts)
        arguments = (length, schedule, by_epoch, 0, begin)
        if not expected:
            with pytest.raises(ValueError, match='never|end of the run'):
                plan(*arguments)
            continue
        if begin > epochs * per_epoch:
            continue
        found = plan(*arguments)
        assert found.units == expected
        unit = per_epoch if by_epoch else 1
        assert found.steps == interval * unit / counts
        seen += 1
    assert seen > 20


def test_averaging_from_an_epoch_on():
    length = RunLength.of_epochs(4, 5)
    assert plan(length, SwitchSchedule(1), begin_epoch=3).units == [3, 4]
    with pytest.raises(ValueError, match='begin_epoch=5 is after the end'):
        plan(length, SwitchSchedule(1), begin_epoch=5)


def test_iterations_of_a_run_without_epochs():
    length = RunLength.of_iters(20, accumulation=4)
    found = plan(length, SwitchSchedule(6, begin=1), by_epoch=False)
    assert found.units == [7, 13, 19] and found.steps == 1.5
    with pytest.raises(ValueError, match='begin_epoch=1 needs EpochBased'):
        plan(length, SwitchSchedule(6), by_epoch=False, begin_epoch=1)
    with pytest.raises(ValueError, match='by_epoch=True needs EpochBased'):
        plan(length, SwitchSchedule(1))


@pytest.mark.parametrize('length', [RunLength.of_iters(9), RunLength(3, 9, 1)])
def test_plain_ema_needs_neither_epochs_nor_a_switch(length):
    found = plan(length, SwitchSchedule(None))
    assert (found.units, found.steps) == ([], 0)
    assert found.warning(AveragingOptions(1e-6)) is None
    assert found.describe(0) == 'no switch (plain EMA)'


@pytest.mark.parametrize('updates', [7, 34, 500, 1252, 7330])
def test_the_fitting_momentum_is_the_smallest_round_one_that_fits(updates):
    found = fitting_momentum(updates)
    assert fits(found, updates)
    smaller = [d * 10.0**-p for d in (1, 2, 5) for p in range(1, 7)]
    assert not any(fits(m, updates) for m in smaller if m < found * 0.999)


def test_a_window_of_exactly_a_third_fits():
    assert fits(0.01, 300)
    assert not fits(0.01, 299)
