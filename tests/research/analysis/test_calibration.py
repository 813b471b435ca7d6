"""The expected calibration error, against scikit-learn and by hand."""

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve

from research.analysis.calibration import expected_calibration_error


def draw(classes=4, size=5000):
    generator = torch.Generator().manual_seed(2)
    logits = 2 * torch.randn(size, classes, generator=generator).double()
    probabilities = logits.softmax(1)
    labels = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
    return logits, labels


@pytest.mark.parametrize('bins', [1, 10, 15, 100])
@pytest.mark.parametrize('sharpness', [0.5, 1.0, 3.0])
def test_it_is_that_of_scikit_learns_curve(bins, sharpness):
    logits, labels = draw()
    probabilities = (sharpness * logits).softmax(1)
    confidence, predicted = probabilities.max(1)
    accuracy, mean = calibration_curve(
        predicted == labels, confidence, n_bins=bins
    )
    counts, _ = np.histogram(confidence, bins=bins, range=(0, 1))
    weights = counts[counts > 0] / len(labels)
    expected = (weights * abs(accuracy - mean)).sum()
    found = expected_calibration_error(probabilities, labels, bins)
    assert found == pytest.approx(expected, abs=1e-12)


def test_by_hand():
    probabilities = torch.tensor([[0.85, 0.15], [0.35, 0.65], [0.75, 0.25]])
    labels = torch.tensor([0, 0, 1])
    # two bins: all in the upper one, right 1 of 3, mean confidence 0.75
    found = expected_calibration_error(probabilities, labels, bins=2)
    assert found == pytest.approx(0.75 - 1 / 3, abs=1e-6)
    # ten bins: (0.8, 0.9] right, (0.6, 0.7] and (0.7, 0.8] wrong
    found = expected_calibration_error(probabilities, labels, bins=10)
    assert found == pytest.approx((0.15 + 0.65 + 0.75) / 3, abs=1e-6)


def test_the_upper_edge_belongs_to_a_bin():
    probabilities = torch.tensor([[0.5, 0.5], [1.0, 0.0]]).double()
    labels = torch.tensor([1, 0])
    # 0.5 is in (0, 0.5]: a gap of 0.5; with 1 in one bin it would be 0.25
    assert expected_calibration_error(probabilities, labels, 2) == 0.25
    assert expected_calibration_error(probabilities, labels, 1) == 0.25
    labels = torch.tensor([0, 1])
    assert expected_calibration_error(probabilities, labels, 2) == 0.75
    assert expected_calibration_error(probabilities, labels, 1) == 0.25


def test_labels_of_its_own_probabilities_are_calibrated():
    logits, labels = draw(size=50_000)
    honest = expected_calibration_error(logits.softmax(1), labels)
    overconfident = expected_calibration_error((3 * logits).softmax(1), labels)
    assert honest < 0.01 < 0.1 < overconfident


@pytest.mark.parametrize(
    'shape, labels, sentence',
    [
        ((3, 2), torch.zeros(2), r'got \(3, 2\) and \(2,\)'),
        ((3,), torch.zeros(3), r'must be of shape \(N, C\)'),
        ((0, 2), torch.zeros(0), 'no row'),
    ],
)
def test_wrong_shapes(shape, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        expected_calibration_error(torch.full(shape, 0.5), labels)


@pytest.mark.parametrize('row', [[2.0, 1.0], [1.5, -0.5], [float('nan'), 1]])
def test_logits_are_refused(row):
    with pytest.raises(ValueError, match=r'logits.softmax\(1\)'):
        expected_calibration_error(torch.tensor([row]), torch.tensor([0]))


def test_no_bins_are_refused():
    with pytest.raises(ValueError, match='bins=0'):
        expected_calibration_error(torch.eye(2), torch.tensor([0, 1]), 0)
