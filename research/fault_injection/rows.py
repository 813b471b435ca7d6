"""Rows of a campaign, one for each kill."""

import dataclasses

from .slow_disk import IN_A_SAVE

__all__ = ['Row']


@dataclasses.dataclass(frozen=True)
class Row:
    """One kill.

    Attributes:
        run (int): Number of the run, from 1.
        kill (int): Number of the kill in it, from 1.
        kind (str): The loop and the data loader of the run.
        moment (float): When it was killed, in seconds after its start.
        phase (str): What it was doing; ``'ended before'`` if it had ended
            before that moment.
        what (str): The file it was doing that to.
        iteration (int): The last iteration that it had begun; 0 for none.
        on_disk (str): The checkpoints right after, with their sizes.
        last_checkpoint (str): What that file named.
        chose (str): What the next process went on from; ``'nothing'`` if
            there was nothing, ``'killed before'`` if it was killed before it
            read anything.
        equal (bool): Whether the run has ended like the undisturbed one.
        different (str): Where not.
        seconds (float): How long the next process took.
    """

    run: int
    kill: int
    kind: str
    moment: float
    phase: str
    what: str
    iteration: int
    on_disk: str
    last_checkpoint: str
    chose: str = ''
    equal: bool = False
    different: str = ''
    seconds: float = 0.0

    @property
    def killed(self) -> bool:
        """Whether the process was still running."""
        return self.phase != 'ended before'

    @property
    def in_a_save(self) -> bool:
        """Whether it was between a save's first byte and last removal."""
        return self.phase in IN_A_SAVE
