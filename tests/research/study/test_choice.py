"""The momentum and the interval that a method is reported with."""

import pytest

# Means 91, 91.5 and 91.5.
GRID = {
    (0.1, 215, 100): 90.0,
    (0.1, 215, 101): 92.0,
    (0.01, 215, 100): 94.0,
    (0.01, 215, 101): 89.0,
    (0.1, 50, 100): 90.5,
    (0.1, 50, 101): 92.5,
}


@pytest.fixture
def choice(study):
    return study('choice')


@pytest.fixture
def validated(choice):
    """Make rows of validations: (momentum, interval, seed) to accuracy."""

    def make(values, epoch=2, metric='val/accuracy', method='sema'):
        return [
            choice.Row('cnn', method, m, k, seed, epoch, metric, value)
            for (m, k, seed), value in values.items()
        ]

    return make


def test_the_highest_mean_wins_and_of_equal_ones_the_smaller_window(
    choice, validated
):
    rows = validated(GRID)
    assert choice.best(rows, 'cnn', 'sema') == (0.1, 50)
    assert choice.best(rows, 'cnn', 'sema', interval=215) == (0.01, 215)


def test_nothing_but_the_last_validation_of_the_selection_seeds_counts(
    choice, validated
):
    better = {(0.01, 215, seed): 99.0 for seed in (100, 101)}
    others = [
        *validated(better, epoch=1),
        *validated(better, metric='test/accuracy'),
        *validated(better, method='ema'),
        *validated({(0.01, 215, seed): 99.0 for seed in range(9)}),
    ]
    rows = validated(GRID)
    assert choice.best(rows + others, 'cnn', 'sema') == (0.1, 50)
    # What would change the choice if it counted does, where it counts.
    rows = [row for row in rows if row.momentum != 0.01]
    assert choice.best(rows + validated(better), 'cnn', 'sema') == (0.01, 215)


def test_a_mean_over_fewer_seeds_does_not_win(choice, validated):
    lucky = validated({(0.05, 215, 100): 99.0})
    assert choice.best(validated(GRID) + lucky, 'cnn', 'sema') == (0.1, 50)
    assert choice.best(lucky, 'cnn', 'sema') == (0.05, 215)


def test_a_method_without_momentum(choice, validated):
    rows = validated({(None, None, 100): 90.0}, method='swa')
    assert choice.best(rows, 'cnn', 'swa') == (None, None)


def test_without_rows_it_is_an_error(choice, validated):
    with pytest.raises(ValueError, match='for ema in cnn: train it with'):
        choice.best(validated(GRID), 'cnn', 'ema')
    with pytest.raises(ValueError, match='sema with interval 108 in cnn'):
        choice.best(validated(GRID), 'cnn', 'sema', interval=108)
