"""What a study trains, and in which order."""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Optional

from mmengine.config import Config

from .choice import FIRST_SELECTION_SEED, best
from .networks import NETWORKS
from .rows import Row

#: Setting, method, momentum, interval and seed.
Key = tuple[str, str, Optional[float], Optional[int], int]
#: Report seeds that every setting has before one of them has more.
FEW = 5


@dataclasses.dataclass(frozen=True)
class Run:
    """One training, and the networks that come from it.

    Attributes:
        setting (str): Name of the setting.
        method (str): ``'baseline'``, from which EMA and SWA come as well;
            ``'sema'``, or ``'lookahead'``.
        seed (int): Seed of the initial weights, the order and the mirrors.
        momentum (float, optional): Momentum of SEMA.
        interval (int, optional): Iterations from one of its switches to the
            next.
        follow (tuple[float, ...]): Momenta of the EMAs of a baseline.
    """

    setting: str
    method: str
    seed: int
    momentum: Optional[float] = None
    interval: Optional[int] = None
    follow: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """str: A name for files."""
        words = [self.setting, self.method]
        if self.momentum is not None:
            words += [f'm{self.momentum:.6g}', f'k{self.interval}']
        return '_'.join([*words, f'seed{self.seed}'])

    @property
    def key(self) -> Key:
        """tuple: What its rows have in common, as :func:`key_of`."""
        return (
            *(self.setting, self.method, self.momentum),
            *(self.interval, self.seed),
        )


@dataclasses.dataclass(frozen=True)
class Network:
    """A network that comes from a training.

    Attributes:
        run (Run): The training.
        method (str): What averages.
        momentum (float, optional): Its momentum.
    """

    run: Run
    method: str
    momentum: Optional[float]

    @property
    def file(self) -> str:
        """str: Where its weights are, below the folder of all networks."""
        end = '' if self.momentum is None else f'_{self.momentum:.6g}'
        return f'{self.run.name}/{self.method}{end}.safetensors'

    @property
    def key(self) -> Key:
        """tuple: What its rows have in common, as :func:`key_of`."""
        return (
            *(self.run.setting, self.method, self.momentum),
            *(self.run.interval, self.run.seed),
        )

    def row(self, epoch: int, metric: str, value: float) -> Row:
        """Make a row of a metric after an epoch, counted from 1."""
        return Row(*self.key, epoch, metric, value)


def key_of(row: Row) -> Key:
    """Return the key of the network that a row belongs to."""
    return row.setting, row.method, row.momentum, row.interval, row.seed


class Study:
    """A study, as its config says.

    Args:
        config (Path): Such as ``research/study/fashion_mnist.py``.

    Raises:
        ValueError: If a name or a number in it is wrong.
    """

    def __init__(self, config: Path) -> None:
        found: Any = Config.fromfile(str(config))
        self.config = found
        self.settings: dict[str, Any] = found.settings
        trained = found.data.images - found.data.validation
        #: Iterations of an epoch.
        self.steps = trained // found.batch_size
        for name, setting in self.settings.items():
            self._check(name, setting)

    def keep(self, names: Iterable[str]) -> None:
        """Leave the other settings out.

        Args:
            names (Iterable[str]): The settings to keep.

        Raises:
            ValueError: If there is no such setting, or one is left out whose
                momenta another takes.
        """
        kept = {}
        for name in names:
            if name not in self.settings:
                raise ValueError(
                    f'{name!r} must be one of {sorted(self.settings)}'
                )
            kept[name] = self.settings[name]
        for name, setting in kept.items():
            source = setting.get('momenta_of', name)
            if source not in kept:
                raise ValueError(
                    f'{name!r} takes its momenta of {source!r}: name both'
                )
        self.settings = kept

    def momentum(self, window: float) -> float:
        """Convert a window in epochs to a momentum."""
        return float(f'{1 / (window * self.steps):.4g}')

    def momenta(self, name: str) -> list[float]:
        """List the momenta of which a setting chooses.

        Returns:
            list[float]: From the shortest window to the longest.
        """
        setting = self.settings[name]
        windows = setting.get('windows', self.config.windows)
        return [self.momentum(window) for window in windows]

    def stages(self, rows: list[Row]) -> Iterator[list[Run]]:
        """List the trainings, those first that others wait for.

        Args:
            rows (list[Row]): The rows so far, which grow meanwhile: what is
                reported of SEMA and EMA has the momentum that is the best on
                the validation when its stage begins.

        Yields:
            list[Run]: Trainings that wait for no other of their stage.
        """
        choosing = [
            n for n in self.settings if 'momenta_of' not in self.settings[n]
        ]
        for name in choosing:
            yield list(self._selection(name))
            yield list(self._report(name, range(FEW), rows))
        yield [run for name in choosing for run in self._grid(name)]
        others = [n for n in self.settings if n not in choosing]
        few = range(FEW)
        more = range(FEW, FIRST_SELECTION_SEED)
        for names, seeds in ((others, few), (self.settings, more)):
            yield [r for n in names for r in self._report(n, seeds, rows)]

    def reported(self, rows: list[Row]) -> Iterator[Network]:
        """List the networks that are reported and have been trained.

        Settings of which nothing chooses a momentum yet are left out.

        Yields:
            Network: Each network, by setting and seed.
        """
        done = finished(rows, self.config.epochs)
        reported = {r.setting for r in rows if r.seed < FIRST_SELECTION_SEED}
        tried = {
            (r.setting, r.method)
            for r in rows
            if r.seed >= FIRST_SELECTION_SEED
        }
        for name, setting in self.settings.items():
            source = setting.get('momenta_of', name)
            chosen = {(source, 'ema'), (source, 'sema')} <= tried
            if name not in reported or not chosen:
                continue
            for run in self._report(name, range(FIRST_SELECTION_SEED), rows):
                if run.key in done:
                    yield from self._networks(run, rows)

    def chosen(self, name: str, method: str, rows: Iterable[Row]) -> float:
        """Tell the momentum that is the best on the validation.

        Args:
            name (str): The setting.
            method (str): The method; SEMA switches after each epoch.
            rows (Iterable[Row]): The rows of the selection.

        Returns:
            float: The momentum.

        Raises:
            ValueError: If no row of the selection has one.
        """
        name = self.settings[name].get('momenta_of', name)
        interval = self.steps if method.startswith('sema') else None
        momentum, _ = best(list(rows), name, method, interval=interval)
        if momentum is None:
            raise ValueError(f'{method} has no momentum in the rows of {name}')
        return momentum

    def _selection(self, name: str) -> Iterator[Run]:
        momenta = tuple(self.momenta(name))
        for seed in self.config.selection_seeds:
            yield Run(name, 'baseline', seed, follow=momenta)
            for momentum in momenta:
                yield Run(name, 'sema', seed, momentum, self.steps)

    def _report(
        self, name: str, seeds: range, rows: list[Row]
    ) -> Iterator[Run]:
        bn = ['ema-bn'] if self._has_bn(name) else []
        methods = ['ema', 'sema', *bn]
        chosen = {m: self.chosen(name, m, rows) for m in methods}
        follow = tuple(sorted(set(chosen.values()), reverse=True))
        for seed in seeds:
            if seed >= self.settings[name].seeds:
                return
            yield Run(name, 'baseline', seed, follow=follow)
            yield Run(name, 'sema', seed, chosen['sema'], self.steps)
            if self.config.get('lookahead'):
                yield Run(name, 'lookahead', seed)

    def _networks(self, run: Run, rows: list[Row]) -> Iterator[Network]:
        bn = self._has_bn(run.setting)
        if run.method == 'baseline':
            yield Network(run, 'baseline', None)
            yield Network(run, 'swa', None)
            for method in ('ema', *(['ema-bn'] if bn else [])):
                momentum = self.chosen(run.setting, method, rows)
                yield Network(run, method, momentum)
            return
        yield Network(run, run.method, run.momentum)
        if run.method == 'sema' and bn:
            yield Network(run, 'sema-bn', run.momentum)

    def _has_bn(self, name: str) -> bool:
        return self.settings[name].network != 'vit'

    def _grid(self, name: str) -> Iterator[Run]:
        for seed in self.config.selection_seeds:
            for interval in self.settings[name].get('intervals', ()):
                for momentum in self.momenta(name):
                    yield Run(name, 'sema', seed, momentum, interval)

    def _check(self, name: str, setting: Any) -> None:
        if setting.network not in NETWORKS:
            raise ValueError(
                f'network={setting.network!r} of setting {name!r} must be one '
                f'of {sorted(NETWORKS)}'
            )
        if setting.schedule not in ('cosine', 'constant'):
            raise ValueError(
                f'schedule={setting.schedule!r} of setting {name!r} must be '
                "'cosine' or 'constant'"
            )
        shortest = min(setting.get('windows', self.config.windows))
        if shortest * self.steps < 2:
            raise ValueError(
                f'a window of {shortest} epochs in setting {name!r} is '
                f'{shortest * self.steps:.1f} iterations: write at least '
                f'{2 / self.steps:.2g}, which is 2'
            )
        source = setting.get('momenta_of', name)
        if source not in self.settings:
            raise ValueError(
                f'momenta_of={source!r} of setting {name!r} must be one of '
                f'{sorted(self.settings)}'
            )


def finished(
    rows: Iterable[Row], epochs: int, metric: str = 'test/accuracy'
) -> set[Key]:
    """Return the keys of all networks that have a metric of the last epoch."""
    chosen = (r for r in rows if r.epoch == epochs and r.metric == metric)
    return {key_of(row) for row in chosen}
