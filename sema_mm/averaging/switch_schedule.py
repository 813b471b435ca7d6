"""When the average is written back into the model."""

from dataclasses import dataclass
from typing import Optional

from .arguments import check_count

__all__ = ['SwitchSchedule']


@dataclass(frozen=True)
class SwitchSchedule:
    """The units (epochs or iterations) after which a switch is due.

    A unit is counted when it is completed, from 1. A switch is due after
    unit n if and only if ``begin < n``, ``n <= end`` (when set) and
    ``(n - begin) % interval == 0``.

    Args:
        interval (int, optional): Units between two switches, at least 1.
            None: never switch (plain EMA). Defaults to 1.
        begin (int): Completed units before which there is no switch; the
            first one comes at ``begin + interval``. Defaults to 0.
        end (int, optional): Last unit that may switch. None: no end.
            Defaults to None.

    Raises:
        TypeError: If an argument is not a whole number.
        ValueError: If an argument is out of its range, or would have no
            effect.
    """

    interval: Optional[int] = 1
    begin: int = 0
    end: Optional[int] = None

    def __post_init__(self) -> None:
        check_count('switch_interval', self.interval, 1, optional=True)
        check_count('switch_begin', self.begin, 0)
        check_count('switch_end', self.end, 1, optional=True)
        if self.interval is None and (self.begin or self.end is not None):
            raise ValueError(
                f'switch_begin={self.begin} and switch_end={self.end} have '
                'no effect with switch_interval=None (plain EMA): leave '
                'them out, or give an interval'
            )
        if self.end is not None and self.end <= self.begin:
            raise ValueError(
                f'switch_end={self.end} must be larger than '
                f'switch_begin={self.begin}: no switch lies between them'
            )

    def is_due(self, completed: int) -> bool:
        """Tell whether a switch is due after a completed unit.

        Args:
            completed (int): Number of completed units, from 1.

        Returns:
            bool: Whether to switch now.
        """
        if self.interval is None or completed <= self.begin:
            return False
        if self.end is not None and completed > self.end:
            return False
        return (completed - self.begin) % self.interval == 0

    def due(self, total: int) -> range:
        """List the units after which a run of a given length switches.

        Args:
            total (int): Units in the run.

        Returns:
            range: Every n in 1..total for which :meth:`is_due` holds.
        """
        if self.interval is None:
            return range(0)
        last = total if self.end is None else min(total, self.end)
        return range(self.begin + self.interval, last + 1, self.interval)
