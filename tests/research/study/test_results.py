"""Rows of a study: what is reported, and what is said to be missing."""

import dataclasses
import math

import pytest

from tests.helpers.study_rows import EPOCHS, STEPS, momentum_of, study_rows


def without(rows, **fields):
    """Leave out the rows that have all of these values."""
    return [
        row
        for row in rows
        if any(getattr(row, name) != value for name, value in fields.items())
    ]


@pytest.fixture
def missing(study, results_of):
    return lambda rows: study('missing').missing(results_of(rows))


class TestResults:
    def test_reports_the_momentum_that_was_chosen(self, results_of):
        results = results_of()
        best = momentum_of(0.1)
        assert results.setup('cnn-sgd-cosine', 'ema') == (best, None)
        assert results.setup('cnn-sgd-cosine', 'sema') == (best, STEPS)
        assert results.setup('cnn-sgd-cosine', 'swa') == (None, None)
        # Chosen by the seeds of another setting.
        name = 'cnn-sgd-cosine-noise20'
        assert results.chooser(name) == 'cnn-sgd-cosine'
        assert results.setup(name, 'ema') == (best, None)

    def test_selection_seeds_report_nothing(self, results_of):
        results = results_of()
        values = results.values('cnn-sgd-cosine', 'ema')
        assert list(values) == list(range(10))
        curves = results.curves('cnn-sgd-cosine', 'ema', 'test/accuracy')
        assert list(curves) == list(range(10))
        assert {e for c in curves.values() for e in c} == {*range(1, 11)}

    def test_a_run_that_did_not_end_reports_nothing(self, results_of):
        lost = {'setting': 'cnn-sgd-cosine', 'method': 'swa', 'seed': 3}
        rows = without(study_rows(), **lost, epoch=EPOCHS)
        results = results_of(rows)
        assert 3 not in results.values('cnn-sgd-cosine', 'swa')
        curves = results.curves('cnn-sgd-cosine', 'swa', 'test/accuracy')
        assert 3 not in curves
        rows = without(study_rows(), **lost, epoch=4)
        results = results_of(rows)
        assert 3 in results.values('cnn-sgd-cosine', 'swa')
        curves = results.curves('cnn-sgd-cosine', 'swa', 'test/accuracy')
        assert 3 not in curves

    def test_without_selection_seeds_nothing_is_chosen(self, results_of):
        rows = [row for row in study_rows() if row.seed < 100]
        results = results_of(rows)
        assert results.setup('cnn-sgd-cosine', 'ema') is None
        assert results.values('cnn-sgd-cosine', 'ema') == {}
        # There is no choice where there is one momentum.
        assert results.values('cnn-sgd-cosine', 'sema')

    def test_metrics_by_their_numbers(self, results_of):
        found = results_of().metrics('test/accuracy_')
        assert found == [
            'test/accuracy_fgsm_0.05',
            'test/accuracy_noise_0.5',
            'test/accuracy_noise_1.0',
        ]


class TestMissing:
    def test_nothing(self, missing):
        assert missing(study_rows()) == []

    @pytest.mark.parametrize(
        'fields, sentence',
        [
            (
                {'setting': 'vit-adamw-cosine'},
                'vit-adamw-cosine: no rows.',
            ),
            (
                {'setting': 'cnn-sgd-cosine', 'method': 'swa', 'seed': 7},
                'cnn-sgd-cosine, SWA: no seeds 7.',
            ),
            (
                {'setting': 'vit-adamw-cosine', 'method': 'lookahead'},
                'vit-adamw-cosine, Lookahead: no report seeds.',
            ),
            (
                {'metric': 'test/ece'},
                'in all settings: no `test/ece`.',
            ),
            (
                {'metric': 'train/hessian_top', 'method': 'ema'},
                'in all settings: no `train/hessian_top` of EMA.',
            ),
            (
                {'metric': 'time/iteration', 'seed': 2, 'method': 'baseline'},
                'in all settings: no `time/iteration` of baseline, seeds 2.',
            ),
        ],
    )
    def test_what_is_not_there_is_named(self, missing, fields, sentence):
        assert missing(without(study_rows(), **fields)) == [sentence]

    def test_only_baseline_and_sema_are_timed(self, missing):
        rows = study_rows()
        for method in ('ema', 'ema-bn', 'sema-bn', 'swa', 'lookahead'):
            rows = without(rows, metric='time/iteration', method=method)
        assert missing(rows) == []

    def test_metrics_of_what_has_no_report_seeds_are_not_named(self, missing):
        setting = 'vit-adamw-cosine'
        rows = [
            row
            for row in study_rows()
            if row.setting != setting or row.seed >= 100
        ]
        found = [s for s in missing(rows) if setting in s]
        assert found and all(s.endswith('no report seeds.') for s in found)

    def test_a_choice_that_was_not_reported(self, missing):
        """Better in the selection seeds, at a momentum without others."""
        rows = [
            dataclasses.replace(row, value=99.0)
            if row.metric == 'val/accuracy'
            and row.method == 'sema'
            and row.setting == 'vit-adamw-cosine'
            and (row.momentum, row.interval) == (momentum_of(1), STEPS)
            else row
            for row in study_rows()
        ]
        [sentence] = missing(rows)
        assert sentence == (
            'vit-adamw-cosine, SEMA: reported with momentum 0.0454, as '
            '0.00455, the best of the selection seeds, has no report seeds.'
        )

    def test_values_that_are_not_finite(self, missing, results_of):
        rows = study_rows()
        place = next(
            i
            for i, row in enumerate(rows)
            if (row.metric, row.method, row.seed) == ('test/ece', 'swa', 1)
        )
        rows[place] = dataclasses.replace(rows[place], value=math.nan)
        found = missing(rows)
        assert found == [
            'cnn-sgd-cosine: no `test/ece` of SWA, seeds 1.',
            'cnn-sgd-cosine, SWA, seed 1, epoch 10: `test/ece` is nan.',
        ]
        assert 1 not in results_of(rows).values(
            'cnn-sgd-cosine', 'swa', 'test/ece'
        )


class TestSummary:
    @pytest.fixture
    def text(self, study, results_of):
        return study('summary').summarise(results_of(), 'A study', 'do it')

    def test_has_a_table_of_each_kind(self, text):
        for title in (
            'Accuracy and speed',
            'Differences',
            'Robustness',
            'Flatness of the training loss',
            'SEMA: choice of the momentum',
        ):
            assert text.count(f'### {title}\n') >= 2
        assert '## Missing\n\nNothing.\n' in text
        assert '```bash\ndo it\n```' in text

    def test_tables_are_whole(self, text):
        """The cells of each table are as many as the columns of its head."""
        tables = [
            block.splitlines()
            for block in text.split('\n\n')
            if block.startswith('|')
        ]
        assert len(tables) > 10
        for lines in tables:
            assert len({line.count('|') for line in lines}) == 1
            assert len(lines) > 2
        assert 'nan' not in text

    def test_numbers_of_the_headline(self, text):
        part = text.partition('## cnn-sgd-cosine\n')[2]
        [line] = [x for x in part.splitlines() if x.startswith('| SEMA |')][:1]
        cells = [cell.strip() for cell in line.split('|')[1:-1]]
        assert cells[1:5] == ['0.1', '0.0454', '220', '10']
        assert float(cells[5].split(' ± ')[0]) == pytest.approx(90.4, abs=0.2)
        [line] = [
            x for x in part.splitlines() if x.startswith('| SEMA − baseline')
        ][:1]
        mean = float(line.split('|')[3].replace('−', '-'))
        assert mean == pytest.approx(0.5, abs=0.03)

    def test_who_never_gets_there_is_counted(self, text):
        assert '10.00 ± 0.00 (never in 10 of 10)' in text

    def test_says_what_is_missing(self, study, results_of):
        rows = without(study_rows(), metric='test/ece')
        text = study('summary').summarise(results_of(rows), 'A', 'b')
        assert '- in all settings: no `test/ece`.' in text
        assert 'ECE' not in text

    def test_of_the_first_rows_of_a_run(self, study, results_of):
        """Nothing to compare, choose or tabulate yet, and no crash."""
        rows = [
            row
            for row in study_rows()
            if (row.setting, row.method) == ('cnn-sgd-cosine', 'baseline')
            and row.seed in (0, 100)
        ]
        text = study('summary').summarise(results_of(rows), 'A', 'b')
        assert '- vit-adamw-cosine: no rows.' in text
        assert '- cnn-sgd-cosine, baseline: no seeds 1, 2, ' in text
        assert '- cnn-sgd-cosine, EMA: no report seeds.' in text
