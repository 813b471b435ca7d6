import pytest

from sema_mm import SwitchSchedule

TABLE = [  # interval, begin, end, units of ten that switch
    (1, 0, None, range(1, 11)),
    (2, 0, None, [2, 4, 6, 8, 10]),
    (3, 0, None, [3, 6, 9]),
    (3, 1, None, [4, 7, 10]),
    (1, 5, None, [6, 7, 8, 9, 10]),
    (2, 5, 8, [7]),
    (1, 0, 3, [1, 2, 3]),
    (5, 0, 4, []),
    (10, 0, None, [10]),
    (11, 0, None, []),
    (None, 0, None, []),
]


@pytest.mark.parametrize('interval, begin, end, expected', TABLE)
def test_truth_table(interval, begin, end, expected):
    schedule = SwitchSchedule(interval, begin, end)
    units = range(1, 11)
    assert [n for n in units if schedule.is_due(n)] == list(expected)
    assert list(schedule.due(10)) == list(expected)
