"""Noise, attacks and agreement, against closed forms and plain loops."""

import math

import pytest
import torch
from sklearn.metrics import accuracy_score
from torch import nn
from torch.nn.functional import cross_entropy

from research.analysis.robustness import agreement, fgsm, gaussian_noise


class TestGaussianNoise:
    def test_mean_and_deviation(self):
        images = torch.full((50, 3, 40, 40), 0.3).double()
        noise = gaussian_noise(images, 0.1, seed=1) - images
        n = noise.numel()
        assert abs(noise.mean()) < 5 * 0.1 / math.sqrt(n)
        # the standard error of a standard deviation is sigma / sqrt(2 n)
        assert abs(noise.std() - 0.1) < 5 * 0.1 / math.sqrt(2 * n)
        apart = noise.flatten()[1:] * noise.flatten()[:-1]
        assert abs(apart.mean()) < 5 * 0.01 / math.sqrt(n)

    def test_only_the_seed_matters(self):
        images, state = torch.zeros(2, 3, 8, 8), torch.get_rng_state()
        first = gaussian_noise(images, 1.0, seed=1)
        assert torch.equal(torch.get_rng_state(), state)
        torch.rand(3)
        assert torch.equal(first, gaussian_noise(images, 1.0, seed=1))
        assert not torch.equal(first, gaussian_noise(images, 1.0, seed=2))
        assert not images.any()

    def test_values_are_clipped_only_on_demand(self):
        images = torch.full((4, 1, 8, 8), 0.5)
        free = gaussian_noise(images, 1.0, seed=1)
        assert free.min() < 0 and free.max() > 1
        clipped = gaussian_noise(images, 1.0, seed=1, low=0.0, high=1.0)
        assert torch.equal(clipped, free.clamp(0, 1))
        from_below = gaussian_noise(images, 1.0, seed=1, low=0.0)
        assert torch.equal(from_below, free.clamp(min=0))

    def test_wrong_input(self):
        with pytest.raises(ValueError, match='sigma=-1'):
            gaussian_noise(torch.zeros(1), -1, seed=0)
        with pytest.raises(ValueError, match=r'torch.uint8: write images.fl'):
            gaussian_noise(torch.zeros(1, dtype=torch.uint8), 1, seed=0)


@pytest.fixture
def linear():
    generator = torch.Generator().manual_seed(5)
    model = nn.Linear(6, 3).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=generator)
    images = torch.randn(20, 6, generator=generator).double()
    return model, images, torch.arange(20) % 3


class TestFGSM:
    def test_the_gradient_of_a_linear_model_is_known(self, linear):
        model, images, labels = linear
        attacked = fgsm(model, cross_entropy, images, labels, 0.1)
        with torch.no_grad():
            probabilities = model(images).softmax(1)
            errors = probabilities - torch.eye(3).double()[labels]
            expected = images + 0.1 * (errors @ model.weight).sign()
        assert torch.equal(attacked, expected)

    def test_finite_differences_of_a_network(self):
        torch.manual_seed(1)
        model = nn.Sequential(
            nn.Linear(5, 8), nn.Tanh(), nn.BatchNorm1d(8), nn.Linear(8, 2)
        ).double()
        images, labels = torch.randn(4, 5).double(), torch.tensor([0, 1, 1, 0])
        attacked = fgsm(model, cross_entropy, images, labels, 1e-3)
        model.eval()
        for i, j in torch.cartesian_prod(torch.arange(4), torch.arange(5)):
            step = torch.zeros_like(images)
            step[i, j] = 1e-6
            with torch.no_grad():
                rise = cross_entropy(model(images + step), labels)
                rise = rise - cross_entropy(model(images - step), labels)
            moved = attacked[i, j] - images[i, j]
            assert moved == pytest.approx(1e-3 * float(rise.sign()))

    def test_it_raises_the_loss_more_than_noise(self, linear):
        model, images, labels = linear

        def loss(inputs):
            return float(cross_entropy(model(inputs), labels).detach())

        attacked = fgsm(model, cross_entropy, images, labels, 0.1)
        for seed in range(5):
            noisy = images + 0.1 * gaussian_noise(0 * images, 1, seed).sign()
            assert loss(attacked) > loss(noisy)
        away = fgsm(model, lambda *a: -cross_entropy(*a), images, labels, 0.1)
        assert loss(away) < loss(images) < loss(attacked)

    @torch.no_grad()
    def test_the_model_is_left_as_it_was(self):
        model = nn.Sequential(
            nn.Flatten(), nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)
        )
        model[1].weight.requires_grad_(False)
        model[1].bias.grad = torch.ones(6)
        model[2].eval()
        before = {k: v.clone() for k, v in model.state_dict().items()}
        images, state = torch.rand(3, 1, 2, 2), torch.get_rng_state()
        given = images.clone()
        fgsm(model, cross_entropy, images, torch.tensor([0, 1, 2]), 0.1)
        assert torch.equal(torch.get_rng_state(), state)
        assert torch.equal(images, given) and not images.requires_grad
        for name, value in model.state_dict().items():
            assert torch.equal(value, before[name])
        assert [m.training for m in model] == [True, True, False, True]
        assert not model[1].weight.requires_grad
        assert model[1].weight.grad is None
        assert torch.equal(model[1].bias.grad, torch.ones(6))

    def test_the_mode_comes_back_after_an_exception(self, linear):
        model, images, labels = linear

        def fails(outputs, labels):
            raise KeyError

        with pytest.raises(KeyError):
            fgsm(model, fails, images, labels, 0.1)
        assert model.training

    def test_values_are_clipped_only_on_demand(self, linear):
        model, images, labels = linear
        arguments = model, cross_entropy, images, labels, 0.5
        clipped = fgsm(*arguments, low=-1.0, high=1.0)
        assert torch.equal(clipped, fgsm(*arguments).clamp(-1, 1))
        assert not torch.equal(clipped, fgsm(*arguments))

    def test_wrong_input(self, linear):
        model, images, labels = linear
        with pytest.raises(ValueError, match='epsilon=-0.1'):
            fgsm(model, cross_entropy, images, labels, -0.1)
        with pytest.raises(ValueError, match='floating-point'):
            fgsm(model, cross_entropy, images.long(), labels, 0.1)
        model.weight.data[0] = math.nan
        with pytest.raises(RuntimeError, match='a loss of nan'):
            fgsm(model, cross_entropy, images, labels, 0.1)


class TestAgreement:
    def test_it_is_scikit_learns_accuracy(self):
        generator = torch.Generator().manual_seed(1)
        a, b = torch.randint(3, (2, 1000), generator=generator)
        assert agreement(a, b) == pytest.approx(accuracy_score(a, b))
        assert agreement(a, b) < 0.5
        assert agreement(a, a) == 1
        assert agreement(a, (a + 1) % 3) == 0

    @pytest.mark.parametrize(
        'a, b, sentence',
        [
            (torch.zeros(3).long(), torch.zeros(2).long(), r'\(3,\) and \(2'),
            (torch.zeros(0).long(), torch.zeros(0).long(), 'at least one'),
            (torch.zeros(3), torch.zeros(3).long(), r'scores.argmax\(1\)'),
        ],
    )
    def test_wrong_input(self, a, b, sentence):
        with pytest.raises(ValueError, match=sentence):
            agreement(a, b)
