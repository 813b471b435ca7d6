"""Evaluations that a hook adds to mmengine's loops, or makes safe."""

import contextlib
import functools
from typing import Any

from mmengine.runner import BaseLoop
from mmengine.utils import is_seq_of

from ..checkpointing.random_state import preserve_random_state

__all__ = ['add_metrics', 'always_close', 'evaluate']


def always_close(loop: Any, stack: contextlib.ExitStack) -> None:
    """Close a stack when a loop's run ends, exceptions included.

    Between the hooks' calls before and after an evaluation only the loop
    itself can notice an exception.

    Args:
        loop (Any): A loop; anything else (None, a config that is not built
            yet) is left alone.
        stack (ExitStack): What must not outlive the loop's run.
    """
    if not isinstance(loop, BaseLoop):
        return
    if getattr(loop.run, 'closes', None) is stack:
        return
    run = loop.run

    @functools.wraps(run)
    def closing_run(*args: Any, **kwargs: Any) -> Any:
        try:
            return run(*args, **kwargs)
        finally:
            stack.close()

    closing_run.closes = stack  # type: ignore[attr-defined]
    loop.run = closing_run


def evaluate(runner: Any, loop: Any) -> dict[str, Any]:
    """Evaluate the model once more on the data of a loop.

    Draws no random number that the training would have drawn.

    Args:
        runner (Runner): The runner.
        loop (BaseLoop): Its validation or test loop.

    Returns:
        Dict[str, Any]: The metrics.
    """
    runner.model.eval()
    with preserve_random_state():
        for index, batch in enumerate(loop.dataloader):
            loop.run_iter(index, batch)
    return loop.evaluator.evaluate(len(loop.dataloader.dataset))


def add_metrics(
    runner: Any, mode: str, metrics: dict[str, Any], more: dict[str, Any]
) -> None:
    """Add the metrics of the origin, as the runner's own hooks would.

    Args:
        runner (Runner): The runner, whose message hub gets the scalars.
        mode (str): 'val' or 'test'.
        metrics (Dict[str, Any]): The metrics of the average; changed in
            place, as later hooks (checkpoints, early stopping) read it.
        more (Dict[str, Any]): The metrics of the origin.
    """
    for name, value in more.items():
        key = f'{name}_origin'
        metrics[key] = value
        if is_seq_of([value], (int, float)):
            runner.message_hub.update_scalar(f'{mode}/{key}', value)
        else:
            runner.message_hub.update_info(f'{mode}/{key}', value)
