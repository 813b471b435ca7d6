"""Read checkpoints from elsewhere without running code in them."""

from pathlib import Path
from types import ModuleType

from ..checkpointing.safe_loading import load_from_local

SAFETENSORS = '.safetensors'


def read_file(path: str) -> dict:
    """Read a checkpoint.

    Args:
        path (str): A file of ``torch.save``, or one that ends in
            .safetensors.

    Returns:
        dict: The checkpoint, on the CPU.

    Raises:
        ValueError: If it holds objects other than data, is damaged, or is
            no checkpoint.
        FileNotFoundError: If there is no such file.
    """
    if not path.endswith(SAFETENSORS):
        return load_from_local(path, 'cpu')
    module = load_safetensors()
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path} can not be found.')
    try:
        return module.load_file(path)
    except Exception as error:  # A file from elsewhere: anything can happen.
        raise ValueError(
            f'{path} is no file of safetensors, or a damaged one ({error})'
        ) from error


def load_safetensors() -> ModuleType:
    """Import safetensors.torch, or explain how to install it."""
    try:
        import safetensors.torch
    except ImportError as error:
        raise ValueError(
            'files that end in .safetensors need a package: pip install '
            'safetensors'
        ) from error
    return safetensors.torch
