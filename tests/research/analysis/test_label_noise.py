"""Symmetric label noise, against its probabilities and a plain loop."""

import math

import pytest
import torch
from sklearn.metrics import confusion_matrix

from research.analysis.label_noise import symmetric_noise

CLASSES = 5


def labels(size=200_000):
    generator = torch.Generator().manual_seed(3)
    return torch.randint(CLASSES, (size,), generator=generator)


def confusion(rate):
    clean = labels()
    noisy = symmetric_noise(clean, rate, CLASSES, seed=1)
    return torch.from_numpy(
        confusion_matrix(clean, noisy, normalize='true')
    ), len(clean) / CLASSES


@pytest.mark.parametrize('rate', [0.2, 0.4, 0.8])
def test_every_other_class_is_as_likely(rate):
    found, rows = confusion(rate)
    other = rate / (CLASSES - 1)
    expected = torch.full_like(found, other).fill_diagonal_(1 - rate)
    # five standard deviations of the largest
    assert (found - expected).abs().max() < 5 * math.sqrt(0.25 / rows)


def test_it_is_not_the_inclusive_convention():
    found, rows = confusion(0.4)
    inclusive = 1 - 0.4 * (CLASSES - 1) / CLASSES
    apart = (found.diagonal() - inclusive).abs().min()
    assert apart > 5 * math.sqrt(0.25 / rows)


def test_a_plain_loop_does_the_same():
    clean = labels(50)
    generator = torch.Generator().manual_seed(7)
    expected = []
    for label in clean.tolist():
        draws = torch.rand(2, dtype=torch.float64, generator=generator)
        others = [(label + k) % CLASSES for k in range(1, CLASSES)]
        chosen = others[int(draws[1] * len(others))]
        expected.append(chosen if draws[0] < 0.4 else label)
    assert symmetric_noise(clean, 0.4, CLASSES, 7).tolist() == expected


def test_noise_depends_on_seed_and_index_alone():
    clean = labels(1000)
    noisy = symmetric_noise(clean, 0.4, CLASSES, 1)
    few = symmetric_noise(clean[:101], 0.4, CLASSES, 1)
    assert torch.equal(noisy[:101], few)
    assert not torch.equal(noisy, symmetric_noise(clean, 0.4, CLASSES, 2))


def test_more_noise_keeps_what_was_wrong():
    clean = labels(1000)
    less, more = (symmetric_noise(clean, r, CLASSES, 1) for r in (0.2, 0.4))
    wrong = less != clean
    assert torch.equal(less[wrong], more[wrong])
    assert (more != clean).sum() > wrong.sum()


def test_ends_of_the_rate():
    clean = labels(1000)
    assert torch.equal(symmetric_noise(clean, 0, CLASSES, 1), clean)
    assert (symmetric_noise(clean, 1, CLASSES, 1) != clean).all()


def test_the_labels_and_the_random_state_stay():
    clean = labels(100).to(torch.uint8).view(10, 10)
    before, state = clean.clone(), torch.get_rng_state()
    noisy = symmetric_noise(clean, 0.5, CLASSES, 1)
    assert torch.equal(clean, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert noisy.dtype == torch.uint8 and noisy.shape == (10, 10)


@pytest.mark.parametrize(
    'arguments, sentence',
    [
        ((torch.tensor([0]), 1.2, 2, 0), 'rate=1.2'),
        ((torch.tensor([0]), 20, 2, 0), 'rate=20'),
        ((torch.tensor([0]), math.nan, 2, 0), 'rate=nan'),
        ((torch.tensor([0]), 0.2, 1, 0), 'classes=1'),
        ((torch.tensor([1, 2]), 0.2, 2, 0), 'labels from 1 to 2'),
        ((torch.tensor([-1]), 0.2, 2, 0), 'labels from -1'),
        ((torch.tensor([1.0]), 0.2, 2, 0), 'integers; got torch.float32'),
    ],
)
def test_wrong_input(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        symmetric_noise(*arguments)
