"""What a reader finds in a checkpoint."""

from dataclasses import dataclass, field
from typing import Any, Optional

from torch import Tensor

from .state_dicts import StateDict, like

AVERAGE, ORIGIN = 'average', 'origin'


@dataclass
class Found:
    """The two sets of weights of a checkpoint, and its other entries.

    Attributes:
        kind (str): The format, in words.
        average (StateDict, optional): The averaged model; None for none.
        origin (StateDict, optional): The weights that training goes on
            with; None for none.
        steps (int, optional): Updates of the average; None if unknown.
        meta (dict): The meta data of the checkpoint.
        kept (dict): Other entries that the result keeps.
        left_out (List[str]): Entries that it drops, with the reason.
        copied (List[str]): Names without an average of their own.
        unmatched (List[str]): Names without a counterpart, with the reason.
        renamed (Dict[str, str]): Old names to new ones.
        notes (Dict[str, str]): Other remarks, by topic.
    """

    kind: str
    average: Optional[StateDict] = None
    origin: Optional[StateDict] = None
    steps: Optional[int] = None
    meta: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def complete(self) -> None:
        """Give both sets of weights the same names.

        An entry of only one set, of two shapes, or not of a floating-point
        tensor was not averaged: both sets get the origin's, or else the
        average's.
        """
        if self.average is None or self.origin is None:
            return
        average, origin = like(self.average), like(self.origin)
        for key in {**self.origin, **self.average}:
            mean, own = self.average.get(key), self.origin.get(key)
            own = mean if own is None else own
            averaged = key in self.origin and _is_averaged(mean, own)
            average[key] = mean if averaged else own
            origin[key] = own
            if not averaged and key not in self.copied:
                self.copied.append(key)
        self.average, self.origin = average, origin

    def weights(self, which: str) -> StateDict:
        """Return one of the two sets of weights.

        Args:
            which (str): 'average' or 'origin'.

        Returns:
            StateDict: The weights.

        Raises:
            ValueError: If the checkpoint does not hold them.
        """
        found = self.average if which == AVERAGE else self.origin
        if found is None:
            other = ORIGIN if which == AVERAGE else AVERAGE
            raise ValueError(
                f'the checkpoint holds no {which} ({self.kind}): its weights '
                f'can be written with --export {other}'
            )
        return found


def _is_averaged(mean: Any, own: Any) -> bool:
    if not (isinstance(mean, Tensor) and isinstance(own, Tensor)):
        return False
    numbers = mean.is_floating_point() or mean.is_complex()
    return numbers and mean.shape == own.shape
