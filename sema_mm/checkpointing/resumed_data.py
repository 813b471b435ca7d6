"""Training data that a resumed run reads on from where it stopped."""

from collections.abc import Iterator
from typing import Any, Callable

__all__ = ['CallbackIterator', 'SkippingLoader']


class SkippingLoader:
    """A data loader that leaves out batches which were trained already.

    They are read, as in the run that stopped, so that the workers' random
    numbers are the same, and thrown away.

    Args:
        loader (DataLoader): The loader.
        batches (int): Batches at its beginning to leave out, the first time.
        then (callable): Called once, before the next batch is read.
    """

    def __init__(
        self, loader: Any, batches: int, then: Callable[[], None]
    ) -> None:
        self._loader = loader
        self._batches = batches
        self._then = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        batches, self._batches = self._batches, 0
        iterator = iter(self._loader)
        for _ in range(batches):
            next(iterator)
        if batches:
            self._then()
        return iterator


class CallbackIterator:
    """An iterator that calls a function before one of its items.

    mmengine's iteration-based loop reads the batches that were trained
    before a resume once more; their augmentation draws random numbers.

    Args:
        iterator (Iterator): The iterator.
        items (int): Number of items before the call.
        then (callable): Called once, before the next item is read.
    """

    def __init__(
        self, iterator: Any, items: int, then: Callable[[], None]
    ) -> None:
        self._iterator = iterator
        self._items = items
        self._then = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterator, name)

    def __iter__(self) -> 'CallbackIterator':
        return self

    def __next__(self) -> Any:
        if self._items == 0:
            self._then()
        self._items -= 1
        return next(self._iterator)
