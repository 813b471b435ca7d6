"""Reads files from elsewhere without running anything that is in them."""

import argparse
from pathlib import Path
from types import ModuleType

import torch

from sema_mm.checkpoint import load_from_local

SAFETENSORS = '.safetensors'


def read_file(path: str) -> dict:
    """Reads a checkpoint.

    Args:
        path (str): A file of ``torch.save``, or one that ends in
            .safetensors.

    Returns:
        dict: The checkpoint, on the CPU.

    Raises:
        ValueError: If it holds objects other than data, is damaged, or is
            no checkpoint.
        OSError: If there is no such file, or it cannot be read.
    """
    if Path(path).is_dir():
        raise ValueError(f'{path} is a folder, not a checkpoint')
    try:
        # timm's training script adds its arguments; they are data.
        with torch.serialization.safe_globals([argparse.Namespace]):
            read = _read_safetensors if _is_safe(path) else load_from_local
            checkpoint = read(path)
    except (ValueError, OSError):
        raise
    except Exception as error:  # A file from elsewhere: anything can happen.
        lines = f'{type(error).__name__}: {error}'.splitlines()
        raise ValueError(
            f'{path} is no checkpoint, or a damaged one ({lines[0]})'
        ) from error
    if not isinstance(checkpoint, dict):
        raise ValueError(
            f'{path} holds a {type(checkpoint).__name__}, not a checkpoint'
        )
    return checkpoint


def load_safetensors() -> ModuleType:
    """Imports safetensors, which this tool alone needs.

    Returns:
        ModuleType: safetensors.torch.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        import safetensors.torch
    except ImportError as error:
        raise ValueError(
            'files that end in .safetensors need a package: pip install '
            'safetensors'
        ) from error
    return safetensors.torch


def _is_safe(path: str) -> bool:
    return path.endswith(SAFETENSORS)


def _read_safetensors(path: str) -> dict:
    module = load_safetensors()
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path} can not be found.')
    return module.load_file(path)
