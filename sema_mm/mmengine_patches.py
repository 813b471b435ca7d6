"""Everything of mmengine that this package replaces while a program runs.

Written for mmengine 0.10.7, the last release. Each entry says what mmengine
lacks that would make it unnecessary; docs/en/design.md lists them.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

import mmengine.runner.checkpoint as checkpoints
import mmengine.runner.runner as runners
import torch
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.runner import BaseLoop, CheckpointLoader, IterBasedTrainLoop

from .checkpointing import whole_files as files
from .checkpointing.resumed_data import CallbackIterator, SkippingLoader
from .checkpointing.safe_loading import load_from_local, safe_loader

__all__ = [
    'call_before_saving',
    'close_after_run',
    'continue_data',
    'install',
    'register_library',
    'save_directly',
]


def install() -> None:
    """Make every checkpoint loader of mmengine refuse code.

    mmengine cannot resume with torch 2.6 or later, and runs what a
    checkpoint holds with earlier ones (:mod:`.checkpointing.safe_loading`).
    Importing ``sema_mm.hooks`` calls this, as FlexibleRunner loads before it
    calls a hook. Call it again for loaders that were registered since.
    """
    _register('', safe_loader(load_from_local))
    for prefix, loader in list(CheckpointLoader._schemes.items()):
        if not hasattr(loader, '__wrapped__'):
            _register(prefix, safe_loader(loader))


def register_library() -> None:
    """Add sema_mm to the libraries whose configs mmengine finds by name.

    ``_base_ = 'sema_mm::...'`` and ``mmengine.hub.get_config`` work after it.
    Importing ``sema_mm`` calls it.

    mmengine has a fixed list and no entry points. A base of another library
    gets ``_scope_`` too, the registry to look its types up in, in place of
    ``default_scope``. sema_mm has no registry: its configs say which to use.
    """
    if __package__ in MODULE2PACKAGE:
        return
    # mmengine finds no package of this name and imports the module, which
    # leads to the folder of an editable installation as well.
    MODULE2PACKAGE[__package__] = __name__
    find = Config._get_cfg_path

    @functools.wraps(find)
    def find_without_our_scope(*args: str) -> tuple[str, Optional[str]]:
        path, scope = find(*args)
        return path, None if scope == __package__ else scope

    Config._get_cfg_path = staticmethod(find_without_our_scope)


def close_after_run(loop: Any, stack: contextlib.ExitStack) -> None:
    """Close a stack when a loop's run ends, exceptions included.

    mmengine calls no hook when an evaluation raises, so that the model would
    keep the weights that were put in for it.

    Args:
        loop (BaseLoop or dict, optional): A loop; a config that was not built
            yet and None are left alone.
        stack (ExitStack): What to close.
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


def call_before_saving(strategy: Any, function: Callable[[], None]) -> None:
    """Call a function on every rank before each checkpoint.

    mmengine calls ``before_save_checkpoint`` on the first rank only, and
    after the model was gathered.

    Args:
        strategy (BaseStrategy): The strategy of a FlexibleRunner.
        function (Callable): The function.
    """
    save = strategy.save_checkpoint

    @functools.wraps(save)
    def calling_save(*args: Any, **kwargs: Any) -> None:
        function()
        save(*args, **kwargs)

    strategy.save_checkpoint = calling_save


@contextlib.contextmanager
def save_directly() -> Iterator[None]:
    """Write checkpoints to a local disk without copies in memory.

    mmengine serialises a checkpoint into a buffer, copies the buffer, and
    writes the copy: twice the size in memory, and most of the time of a save.
    It takes no writer.

    Yields:
        None: Nothing.
    """
    kept = runners.save_checkpoint, checkpoints.save_checkpoint
    runners.save_checkpoint = checkpoints.save_checkpoint = _save
    try:
        yield
    finally:
        runners.save_checkpoint, checkpoints.save_checkpoint = kept


def continue_data(
    loop: BaseLoop, batches: int, callback: Callable[[], None]
) -> None:
    """Make a train loop go on in the middle of its data.

    mmengine's loop of epochs starts an interrupted epoch anew; its loop of
    iterations skips batches, but calls no hook between the last of them and
    the first to train on.

    Args:
        loop (BaseLoop): The loop.
        batches (int): Batches of this epoch that were trained, for a loop
            of epochs.
        callback (Callable): Called before the first batch to train on.
    """
    if isinstance(loop, IterBasedTrainLoop):
        loop.dataloader_iterator = CallbackIterator(
            loop.dataloader_iterator, loop.iter, callback
        )
    elif batches:
        loop.dataloader = SkippingLoader(loop.dataloader, batches, callback)
    else:
        callback()


def _register(prefix: str, loader: Callable[..., dict]) -> None:
    CheckpointLoader.register_scheme(
        prefixes=prefix, loader=loader, force=True
    )


def _save(checkpoint: dict, filename: str, **_: Any) -> None:
    """Write a checkpoint; the other arguments concern other disks."""
    path = Path(filename)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, lambda file: torch.save(checkpoint, file))
