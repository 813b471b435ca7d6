"""What the processes of a study do."""

import functools
import signal
import time
from pathlib import Path

import safetensors.torch
import torch

from .data import Splits, read_splits
from .measures import agreements, measure, read_network
from .plan import Network, Run, Study
from .rows import Row
from .training import Training, labelled

#: Epochs that are timed.
CLOCKED = 5


def prepare() -> None:
    """Prepare a process."""
    # An interruption is for the process that has begun this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Networks this small gain nothing from a second thread.
    torch.set_num_threads(1)


def train(config: Path, run: Run, folder: Path) -> tuple[list[Row], float]:
    """Train once, and keep the networks.

    Args:
        config (Path): The config of the study.
        run (Run): What to train.
        folder (Path): Folder of all networks.

    Returns:
        tuple[list[Row], float]: Its rows, and the seconds that it took.
    """
    begin = time.monotonic()
    study, splits = _read(config)
    training = Training(study, splits, run)
    rows = list(training.rows())
    (folder / run.name).mkdir(parents=True, exist_ok=True)
    for network, state in training.states():
        safetensors.torch.save_file(state, folder / network.file)
    return rows, time.monotonic() - begin


def examine(
    config: Path, network: Network, folder: Path
) -> tuple[list[Row], float]:
    """Measure flatness and robustness of one network.

    Args:
        config (Path): The config of the study.
        network (Network): What to measure.
        folder (Path): Folder of all networks.

    Returns:
        tuple[list[Row], float]: Its rows, and the seconds that it took.
    """
    begin = time.monotonic()
    study, splits = _read(config)
    setting = study.settings[network.run.setting]
    model = read_network(setting.network, folder / network.file)
    train = labelled(splits.train, setting, network.run.seed)
    rows = [
        network.row(study.config.epochs, metric, value)
        for metric, value in measure(model, train, splits.test)
    ]
    return rows, time.monotonic() - begin


def compare(
    config: Path, networks: list[Network], folder: Path
) -> tuple[list[Row], float]:
    """Measure the agreement of one method's seeds.

    Args:
        config (Path): The config of the study.
        networks (list[Network]): One network for each seed.
        folder (Path): Folder of all networks.

    Returns:
        tuple[list[Row], float]: Their rows, and the seconds that it took.
    """
    begin = time.monotonic()
    study, splits = _read(config)
    name = study.settings[networks[0].run.setting].network
    models = {
        n.run.seed: read_network(name, folder / n.file) for n in networks
    }
    found = agreements(models, splits.test)
    rows = [
        n.row(study.config.epochs, 'test/agreement', found[n.run.seed])
        for n in networks
    ]
    return rows, time.monotonic() - begin


def clock(
    config: Path, runs: list[Run], folder: Path
) -> tuple[list[Row], float]:
    """Time the iterations of several trainings, epoch by epoch in turn.

    Args:
        config (Path): The config of the study.
        runs (list[Run]): Trainings of one seed.
        folder (Path): Not used.

    Returns:
        tuple[list[Row], float]: The fastest epoch of each, in milliseconds
        of the processor for an iteration, and the seconds that it took.
    """
    begin = time.monotonic()
    study, splits = _read(config)
    trainings = [Training(study, splits, run) for run in runs]
    times: list[list[float]] = [[] for _ in runs]
    for epoch in range(1, CLOCKED + 1):
        for training, found in zip(trainings, times):
            start = time.process_time()
            training.train_epoch(epoch)
            found.append(time.process_time() - start)
    rows = [
        Network(run, run.method, run.momentum).row(
            study.config.epochs,
            'time/iteration',
            1000 * min(found) / study.steps,
        )
        for run, found in zip(runs, times)
    ]
    return rows, time.monotonic() - begin


@functools.cache
def _read(config: Path) -> tuple[Study, Splits]:
    study = Study(config)
    data = study.config.data
    return study, read_splits(Path(data.root), data.images, data.validation)
