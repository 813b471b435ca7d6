"""Keeps NaN and infinity out of the average."""

import cmath
from collections import deque
from collections.abc import Iterator
from typing import Optional, Union

import torch
from torch import Tensor

from .tensor_group import SHORT

__all__ = ['JOINED', 'FiniteCheck', 'NonfiniteGuard']

#: Most elements of short vectors that are summed together: 1 MB in float32.
JOINED = 2**18

_FINE, _NO_STEP, _NONFINITE = 0, 1, 2


class FiniteCheck:
    """Check the same tensors again and again, in one reading pass.

    A sum and a norm are the cheapest reductions that are NaN or infinite
    where an element is. They overflow as well: in float32 a sum of 1e38, and
    on other devices than the CPU a norm of 1e19. Such weights have diverged
    anyway.

    Args:
        tensors (List[Tensor]): Floating or complex tensors.
    """

    def __init__(self, tensors: list[Tensor]) -> None:
        kinds: dict[tuple, list[Tensor]] = {}
        for tensor in tensors:
            short = tensor.dim() == 1 and tensor.numel() <= SHORT
            kind = tensor.device, tensor.dtype, short
            kinds.setdefault(kind, []).append(tensor)
        self._short: list[list[Tensor]] = []
        self._long: list[Tensor] = []
        self._far: dict[torch.device, list[list[Tensor]]] = {}
        for (device, _, short), group in kinds.items():
            if device.type != 'cpu':
                self._far.setdefault(device, []).append(group)
            elif short:
                self._short += _batches(group)
            else:
                self._long += group

    @torch.inference_mode()
    def __call__(self) -> Union[bool, Tensor]:
        """Return whether all elements are finite.

        Returns:
            bool or Tensor: For tensors on the CPU alone a bool; else a bool
            of shape () on the device of the first that is not, without
            waiting for it.
        """
        sums = [_sum(torch.cat(group)) for group in self._short]
        sums += map(_sum, self._long)
        finite = all(map(cmath.isfinite, map(Tensor.item, sums)))
        if not self._far:
            return finite
        flags = [_finite(groups) for groups in self._far.values()]
        together = torch.stack([f.to(flags[0].device) for f in flags]).all()
        return together if finite else torch.zeros_like(together)


class NonfiniteGuard:
    """Judge the weights of every step, without waiting for the device.

    On a CPU the verdict is there at once. On another device it stays there
    as a flag that gates the update, while its copy travels to the host and
    is counted some steps later, by :meth:`settle`.

    Args:
        limit (int): Non-finite steps in a row that are an error.

    Attributes:
        total (int): Non-finite steps so far.
        in_a_row (int): Non-finite steps since the last finite one.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.total = 0
        self.in_a_row = 0
        self._waiting: deque[tuple[Tensor, torch.cuda.Event]] = deque()
        self._known: list[Tensor] = []
        self._is_finite = FiniteCheck([])

    def judge(
        self, weights: list[Tensor], no_step: Optional[Tensor] = None
    ) -> Union[bool, Tensor]:
        """Return whether the average must skip these weights.

        Args:
            weights (List[Tensor]): What the update is going to read; the
                same list as long as it holds the same tensors.
            no_step (Tensor, optional): A flag of a gradient scaler, on the
                device, that the optimizer did not step: skip as well, but
                do not count as non-finite. Defaults to None.

        Returns:
            bool or Tensor: A bool on a CPU; elsewhere a bool of shape () on
            the device.

        Raises:
            RuntimeError: After ``limit`` non-finite steps in a row.
        """
        if weights is not self._known:
            self._known, self._is_finite = weights, FiniteCheck(weights)
        finite = self._is_finite()
        if isinstance(finite, bool):
            code = _FINE if finite else _NONFINITE
            if no_step is not None and no_step > 0:
                code = _NO_STEP
            self._count(code)
            return code != _FINE
        codes = torch.where(finite, _FINE, _NONFINITE)
        if no_step is not None:
            if no_step.is_cuda:  # This may run on a stream of its own.
                stream = torch.cuda.current_stream(no_step.device)
                no_step.record_stream(stream)
            stepped = no_step.to(codes.device).reshape(()) == 0
            codes = torch.where(stepped, codes, _NO_STEP)
        self._waiting.append(_to_host(codes))
        return codes > 0

    def settle(self, wait: bool = False) -> int:
        """Count the verdicts that have arrived on the host.

        Args:
            wait (bool): Wait for those still on their way. Defaults to
                False.

        Returns:
            int: How many updates that were counted did not happen.

        Raises:
            RuntimeError: After ``limit`` non-finite steps in a row.
        """
        skipped = 0
        while self._waiting:
            code, arrival = self._waiting[0]
            if not arrival.query():
                if not wait:
                    break
                arrival.synchronize()
            self._waiting.popleft()
            skipped += int(code) > _FINE
            self._count(int(code))
        return skipped

    def _count(self, code: int) -> None:
        if code == _FINE:
            self.in_a_row = 0
        elif code == _NONFINITE:
            self.total += 1
            self.in_a_row += 1
        if self.in_a_row >= self.limit:
            raise RuntimeError(
                f'the weights were not finite after {self.in_a_row} optimizer '
                'steps in a row: the training has diverged; lower the '
                'learning rate or clip the gradients, and resume from the '
                'last checkpoint, whose average is finite (max_nonfinite='
                f'{self.limit} sets this limit)'
            )


def _batches(vectors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Split a list of short vectors into lists of ``JOINED`` elements."""
    batch: list[Tensor] = []
    size = 0
    for vector in vectors:
        size += vector.numel()
        if size > JOINED:
            yield batch
            batch, size = [], vector.numel()
        batch.append(vector)
    yield batch


def _sum(tensor: Tensor) -> Tensor:
    # A sum in float16 would overflow above 65504.
    half = tensor.dtype == torch.float16
    return tensor.sum(dtype=torch.float32 if half else None)


def _finite(groups: list[list[Tensor]]) -> Tensor:
    """Check tensors on one device, one call per dtype."""
    norms = [torch.stack(_norms(group)) for group in groups]
    return torch.stack([norm.isfinite().all() for norm in norms]).all()


def _norms(tensors: list[Tensor]) -> list[Tensor]:
    # A norm in float16 would overflow above 65504.
    dtype = torch.float32 if tensors[0].dtype == torch.float16 else None
    return list(torch._foreach_norm(tensors, 2, dtype))


def _to_host(code: Tensor) -> tuple[Tensor, torch.cuda.Event]:
    """Start copying a flag to the host; the event tells its arrival."""
    target = torch.empty(code.shape, dtype=code.dtype, pin_memory=True)
    target.copy_(code, non_blocking=True)
    stream = torch.cuda.current_stream(code.device)
    return target, stream.record_event()
