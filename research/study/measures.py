"""What is measured of a network after its training."""

import itertools
import statistics
from collections.abc import Iterator
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from research.analysis.calibration import expected_calibration_error
from research.analysis.hessian import top_eigenvalues, trace
from research.analysis.robustness import agreement, fgsm, gaussian_noise
from research.analysis.sharpness import average_case, worst_case
from sema_mm.averaging.batch_norm import has_batch_norm

from .data import Images
from .networks import NETWORKS

#: Standard deviations of the noise and steps of FGSM, in units of the
#: normalised images; radii and standard deviations in those of the weights.
NOISES, STEPS = (0.5, 1.0), (0.05,)
RADII, SIGMAS = (0.05,), (0.02,)
#: Images for what needs second derivatives, in batches as in the training.
IMAGES, BATCH = 500, 250
#: Training images on which the loss that was reached is measured.
FITTED = 10000
#: Images in a batch of what needs none.
PREDICTED = 1000
VECTORS = 16
Measure = tuple[str, float]


def read_network(name: str, file: Path) -> nn.Module:
    """Read a network, in evaluation mode."""
    model = NETWORKS[name]()
    model.load_state_dict(safetensors.torch.load_file(file))
    return model.eval()


def measure(
    model: nn.Module, train: Images, test: Images
) -> Iterator[Measure]:
    """Yield the names and values of all metrics of one network."""
    yield 'train/loss_eval', _loss(model, train.part(slice(FITTED)))
    yield from robustness(model, test)
    yield from flatness(model, train, test)


def robustness(model: nn.Module, test: Images) -> Iterator[Measure]:
    """Measure calibration, and accuracy on images that are changed.

    Args:
        model (nn.Module): The network.
        test (Images): Images that it was not trained on.

    Yields:
        tuple[str, float]: The name of a metric and its value in %.
    """
    probabilities = predict(model, test).softmax(1)
    error = expected_calibration_error(probabilities, test.labels)
    yield 'test/ece', 100 * error
    for sigma in NOISES:
        noisy = gaussian_noise(test.images, sigma, seed=0)
        accuracy = _accuracy(model, Images(noisy, test.labels))
        yield f'test/accuracy_noise_{sigma}', accuracy
    for epsilon in STEPS:
        attacked = [
            fgsm(model, functional.cross_entropy, images, labels, epsilon)
            for images, labels in test.batches(PREDICTED)
        ]
        changed = Images(torch.cat(attacked), test.labels)
        yield f'test/accuracy_fgsm_{epsilon}', _accuracy(model, changed)


def flatness(
    model: nn.Module, train: Images, test: Images
) -> Iterator[Measure]:
    """Measure the curvature and the sharpness of the loss.

    Args:
        model (nn.Module): The network.
        train (Images): What it was trained on.
        test (Images): What it was not.

    Yields:
        tuple[str, float]: The name of a metric and its value.
    """
    loss = functional.cross_entropy
    first = slice(IMAGES)
    batches = list(train.part(first).batches(BATCH))
    yield 'train/hessian_top', top_eigenvalues(model, loss, batches)[0]
    if has_batch_norm(model):
        top = top_eigenvalues(model, loss, batches, mode='train')
        yield 'train/hessian_top_batch', top[0]
    yield 'train/hessian_trace', trace(model, loss, batches, VECTORS)[0]
    for name, split in (('train', train), ('test', test)):
        batches = list(split.part(first).batches(BATCH))
        for radius in RADII:
            rise = worst_case(model, loss, batches, radius)
            yield f'{name}/sharpness_worst_{radius}', rise
        for sigma in SIGMAS:
            rise, _ = average_case(model, loss, batches, sigma)
            yield f'{name}/sharpness_average_{sigma}', rise


def agreements(models: dict[int, nn.Module], test: Images) -> dict[int, float]:
    """Compare the predictions of one method over the seeds.

    Args:
        models (dict[int, nn.Module]): Seed to network, at least two.
        test (Images): Images that they were not trained on.

    Returns:
        dict[int, float]: Seed to the mean share of equal predictions with
        each other seed, in %.
    """
    found: dict[int, list[float]] = {seed: [] for seed in models}
    classes = {s: predict(m, test).argmax(1) for s, m in models.items()}
    for one, other in itertools.permutations(models, 2):
        found[one].append(agreement(classes[one], classes[other]))
    return {s: 100 * statistics.mean(values) for s, values in found.items()}


@torch.no_grad()
def predict(model: nn.Module, images: Images) -> Tensor:
    """Return the logits (N, 10) of a network in evaluation mode."""
    return torch.cat([model(batch) for batch, _ in images.batches(PREDICTED)])


def _loss(model: nn.Module, images: Images) -> float:
    return float(
        functional.cross_entropy(predict(model, images), images.labels)
    )


def _accuracy(model: nn.Module, images: Images) -> float:
    right = predict(model, images).argmax(1) == images.labels
    return 100 * float(right.float().mean())
