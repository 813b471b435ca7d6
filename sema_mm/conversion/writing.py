"""Write checkpoints, whole or not at all."""

import contextlib
import hashlib
import io
import os
from pathlib import Path
from typing import Any, Union

import torch

from .reading import SAFETENSORS, load_safetensors
from .state_dicts import StateDict

ENDINGS = ('.pth', '.pt')
Data = Union[bytes, memoryview]


def check_target(path: str, force: bool, published: bool) -> None:
    """Check that a file can be written, before anything is read.

    Args:
        path (str): The file.
        force (bool): Whether it may replace another.
        published (bool): Whether it holds weights alone.

    Raises:
        ValueError: If its ending, its folder or a file in its place forbids
            it.
    """
    target = Path(path)
    endings = (*ENDINGS, SAFETENSORS) if published else ENDINGS
    if target.suffix not in endings:
        also = '; .safetensors holds weights alone, see --export'
        also = '' if published else also
        raise ValueError(
            f'OUT must end in {" or ".join(endings)}, not {path}{also}'
        )
    if not target.absolute().parent.is_dir():
        raise ValueError(f'there is no folder {target.parent} for {path}')
    if target.exists() and not (force or published):
        raise ValueError(
            f'{path} exists already: choose another name, or --force'
        )


def encode_checkpoint(checkpoint: dict[str, Any]) -> Data:
    """Serialise a checkpoint.

    Args:
        checkpoint (Dict[str, Any]): The checkpoint.

    Returns:
        Data: The bytes of ``torch.save``, which depend on neither the file's
        name nor the clock.
    """
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    return buffer.getbuffer()


def encode_safetensors(state: StateDict) -> tuple[Data, list[str]]:
    """Serialise weights as a .safetensors file.

    Args:
        state (StateDict): The weights.

    Returns:
        Tuple[Data, List[str]]: The bytes; names left out, as they hold no
        tensor.
    """
    module = load_safetensors()
    seen: set[int] = set()
    tensors, others = {}, []
    for key, value in state.items():
        if not torch.is_tensor(value):
            others.append(key)
            continue
        # The format has no two names for one tensor.
        tied = value.data_ptr() in seen
        seen.add(value.data_ptr())
        tensors[key] = value.clone() if tied else value
    return module.save(tensors, {'format': 'pt'}), others


def publish(data: Data, path: str, force: bool) -> Path:
    """Write a file, with the start of its hash in its name.

    Args:
        data (Data): Its content.
        path (str): Its path, without the hash.
        force (bool): Whether it may replace another.

    Returns:
        Path: The file: ``name-xxxxxxxx.pth``.
    """
    target = Path(path)
    digest = hashlib.sha256(data).hexdigest()[:8]
    target = target.with_name(f'{target.stem}-{digest}{target.suffix}')
    return write(data, str(target), force)


def write(data: Data, path: str, force: bool) -> Path:
    """Write a file, whole or not at all.

    Args:
        data (Data): Its content.
        path (str): Its path.
        force (bool): Whether it may replace another.

    Returns:
        Path: The file.

    Raises:
        ValueError: If there is one and ``force`` is not set.
    """
    target = Path(path)
    part = target.with_name(f'.{target.name}.{os.getpid()}.part')
    try:
        with part.open('xb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if force:
            os.replace(part, target)
        else:
            _place(part, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
    return target


def _place(part: Path, target: Path) -> None:
    """Rename a file; fail if the name was taken meanwhile."""
    try:
        os.link(part, target)
    except FileExistsError as error:
        raise ValueError(
            f'{target} exists already: choose another name, or --force'
        ) from error
    except OSError:  # A file system without links.
        if target.exists():
            raise
        os.replace(part, target)
