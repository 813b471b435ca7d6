"""Train a small network on circles and moons, and draw its boundaries.

The example of averaging without mmengine's runner: a plain PyTorch loop
with :class:`sema_mm.SwitchEMA`. Writes ``accuracies.csv``,
``probabilities.csv`` and ``boundaries.png``::

    python -m research.analysis.decision_boundaries --out FOLDER
"""

import argparse
import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

import torch
from rich.progress import track
from sklearn.datasets import make_circles, make_moons
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import sema_mm
from research.common.rows import read_rows, write_rows

from .figure import draw
from .rows import Accuracy, Probability

TRAIN, TEST, BATCH = 480, 5000, 16
#: Points along each side of the grid.
SIDE = 60


@dataclasses.dataclass(frozen=True)
class Method:
    """What averages the weights.

    Attributes:
        name (str): Its name.
        momentum (float, optional): Weight of the new value; None: nothing
            averages.
        switches (bool): Whether each epoch ends with a switch.
    """

    name: str
    momentum: Optional[float] = None
    switches: bool = False


METHODS = [
    Method('baseline'),
    Method('EMA', momentum=0.1),
    # A window of 10 steps, a third of the 30 steps of an epoch.
    Method('SEMA', momentum=0.1, switches=True),
]


@dataclasses.dataclass(frozen=True)
class Data:
    """Points of the plane in two classes.

    Attributes:
        name (str): 'circles' or 'moons'.
        points (Tensor): Of shape (TRAIN + TEST, 2).
        labels (Tensor): Of shape (TRAIN + TEST,).
    """

    name: str
    points: Tensor
    labels: Tensor

    @property
    def train(self) -> tuple[Tensor, Tensor]:
        """The points to train with, and their labels."""
        return self.points[:TRAIN], self.labels[:TRAIN]

    @property
    def test(self) -> tuple[Tensor, Tensor]:
        """Return the accuracy on the test points, from 0 to 1."""
        return self.points[TRAIN:], self.labels[TRAIN:]


def load_data() -> list[Data]:
    """Draw scikit-learn's circles and moons, with noise.

    Returns:
        list[Data]: The same points in each run.
    """
    size = TRAIN + TEST
    drawn = {
        'circles': make_circles(size, noise=0.2, factor=0.5, random_state=0),
        'moons': make_moons(size, noise=0.3, random_state=0),
    }
    return [
        Data(name, torch.from_numpy(points).float(), torch.from_numpy(labels))
        for name, (points, labels) in drawn.items()
    ]


def train(
    data: Data, method: Method, seed: int, epochs: int
) -> Iterator[nn.Module]:
    """Train a network.

    Args:
        data (Data): The points.
        method (Method): What averages the weights.
        seed (int): Seed of the first weights and of the order of points.
        epochs (int): Number of epochs.

    Yields:
        nn.Module: After each epoch, the network to evaluate; with averaging
        it holds the average until the next one is asked for.
    """
    torch.manual_seed(seed)
    model = nn.Sequential(
        *(nn.Linear(2, 64), nn.ReLU()),
        *(nn.Linear(64, 64), nn.ReLU()),
        nn.Linear(64, 2),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loader = DataLoader(TensorDataset(*data.train), BATCH, shuffle=True)
    average = None
    if method.momentum:
        average = sema_mm.SwitchEMA(model, method.momentum)
    for _ in range(epochs):
        for points, labels in loader:
            optimizer.zero_grad()
            cross_entropy(model(points), labels).backward()
            optimizer.step()
            if average:
                average.update_parameters(model)
        if average and method.switches:
            average.switch_parameters(model)
        swapped = average.swapped(model) if average else None
        with swapped or contextlib.nullcontext():
            yield model


@torch.no_grad()
def test(model: nn.Module, data: Data) -> float:
    """Return the accuracy on the test points, from 0 to 1."""
    points, labels = data.test
    return float((model(points).argmax(1) == labels).double().mean())


def grid(data: Data) -> Tensor:
    """Cover the training points by (SIDE * SIDE, 2) points, row by row."""
    low, high = data.train[0].amin(0), data.train[0].amax(0)
    xs, ys = torch.linspace(0, 1, SIDE)[:, None].mul(high - low).add(low).T
    y, x = torch.meshgrid(ys, xs, indexing='ij')
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def measure(
    data: Data, method: Method, seed: int, epochs: int
) -> tuple[list[Accuracy], list[Probability]]:
    """Train and evaluate a network.

    Args:
        data (Data): The points.
        method (Method): What averages the weights.
        seed (int): Seed of the training.
        epochs (int): Number of epochs.

    Returns:
        Tuple[list[Accuracy], list[Probability]]: Of each epoch, and of the
        last one.
    """
    subject = data.name, method.name, seed
    accuracies, where = [], grid(data)
    for epoch, model in enumerate(train(data, method, seed, epochs), 1):
        accuracies.append(Accuracy(*subject, epoch, test(model, data)))
        if epoch == epochs:
            with torch.no_grad():
                values = model(where).softmax(1)[:, 1]
    cells = torch.cat([where, values[:, None]], dim=1).tolist()
    return accuracies, [Probability(*subject, *cell) for cell in cells]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', type=Path, required=True, metavar='FOLDER')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--epochs', type=int, default=40)
    args = parser.parse_args()
    if args.epochs < 1:
        parser.error(f'--epochs must be at least 1, not {args.epochs}')
    return args


def main() -> None:
    """Train, write the rows and draw them."""
    args = parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sets = load_data()
    tasks = [(d, m, s) for d in sets for m in METHODS for s in args.seeds]
    accuracies: list[Accuracy] = []
    probabilities: list[Probability] = []
    for task in track(tasks, 'training', transient=True):
        of_epochs, of_plane = measure(*task, args.epochs)
        accuracies += of_epochs
        probabilities += of_plane
    files = args.out / 'accuracies.csv', args.out / 'probabilities.csv'
    write_rows(files[0], accuracies)
    write_rows(files[1], probabilities)
    draw(
        read_rows(files[0], Accuracy),
        read_rows(files[1], Probability),
        {data.name: data.train for data in sets},
        args.out / 'boundaries.png',
    )


if __name__ == '__main__':
    main()
