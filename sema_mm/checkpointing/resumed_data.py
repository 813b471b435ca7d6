"""Training data of a resumed run, from the batch where it stopped."""

from collections.abc import Iterator
from typing import Any, Callable

__all__ = ['CallbackIterator', 'SkippingLoader']


class SkippingLoader:
    """A data loader that skips batches which were trained already.

    They are read and dropped, so that the workers draw the same random
    numbers as in the run that stopped.

    Args:
        loader (DataLoader): The loader.
        batches (int): Batches to skip at the beginning, the first time.
        callback (callable): Called once, before the next batch is read.
    """

    def __init__(
        self, loader: Any, batches: int, callback: Callable[[], None]
    ) -> None:
        self._loader = loader
        self._batches = batches
        self._callback = callback

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
            self._callback()
        return iterator


class CallbackIterator:
    """An iterator that calls a function before one of its items.

    mmengine's iteration-based loop reads the trained batches once more at a
    resume; their augmentation draws random numbers.

    Args:
        iterator (Iterator): The iterator.
        items (int): Number of items before the call.
        callback (callable): Called once, before the next item is read.
    """

    def __init__(
        self, iterator: Any, items: int, callback: Callable[[], None]
    ) -> None:
        self._iterator = iterator
        self._items = items
        self._callback = callback

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterator, name)

    def __iter__(self) -> 'CallbackIterator':
        return self

    def __next__(self) -> Any:
        if self._items == 0:
            self._callback()
        self._items -= 1
        return next(self._iterator)
