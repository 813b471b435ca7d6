"""A model in the mode of a measurement, and as it was afterwards."""

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ['kept_values', 'measured_model']


@contextlib.contextmanager
def measured_model(model: nn.Module, mode: str) -> Iterator[None]:
    """Put a model into a mode while the context lasts.

    In both modes all layers but BatchNorm are in evaluation mode: nothing
    is dropped, and the loss is a function of the weights. In 'train' the
    BatchNorm layers that the model trains in training mode (mmdet's
    ``norm_eval`` keeps some out) normalise with the statistics of each batch.

    Modes, ``requires_grad`` and the bits of the buffers come back,
    exceptions included.

    Args:
        model (nn.Module): The model.
        mode (str): 'eval' or 'train'.

    Yields:
        None: The model is in the mode then.
    """
    modes = [(module, module.training) for module in model.modules()]
    trained = [(p, p.requires_grad) for p in model.parameters()]
    with kept_values(model.buffers()):
        try:
            _set_mode(model, mode)
            # A model that freezes its stages does so in train().
            _set_trained(trained)
            yield
        finally:
            for module, training in modes:
                module.training = training
            _set_trained(trained)


@contextlib.contextmanager
def kept_values(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Give tensors their bits back at the end, in place.

    Yields:
        List[Tensor]: Their values, which must not be changed.
    """
    tensors = list(tensors)
    values = [tensor.detach().clone() for tensor in tensors]
    try:
        yield values
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, values):
                tensor.copy_(value)


def _set_mode(model: nn.Module, mode: str) -> None:
    model.train()
    layers = [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.training
    ]
    model.eval()
    if mode == 'train':
        for layer in layers:
            layer.training = True


def _set_trained(trained: list[tuple[nn.Parameter, bool]]) -> None:
    for parameter, requires_grad in trained:
        parameter.requires_grad_(requires_grad)
