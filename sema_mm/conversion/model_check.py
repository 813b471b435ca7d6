"""Compare weights with the model of a config."""

import re
from dataclasses import dataclass, field

from mmengine.registry import MODELS, init_default_scope
from torch import nn

from .. import mmengine_patches
from ..config.config_file import load_config
from .state_dicts import StateDict, like


@dataclass
class Fit:
    """How weights fit a model.

    Attributes:
        total (int): Names that the model has.
        missing (List[str]): Names of the model that the weights lack.
        unexpected (List[str]): Names that the model does not have.
        misshapen (List[str]): Names that have another shape in the model.
    """

    total: int
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshapen: list[str] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        """bool: Whether everything fits."""
        return not (self.missing or self.unexpected or self.misshapen)


def build_model(name: str) -> nn.Module:
    """Build the model of a config, without loading any weights.

    Args:
        name (str): The config, a path or ``LIBRARY::NAME``.

    Returns:
        nn.Module: The model.

    Raises:
        ValueError: If there is no such config, or it has no model, or its
            model cannot be built.
    """
    cfg = load_config(name)
    if not cfg.get('model'):
        raise ValueError(f'the config {name} has no model')
    # Some models load weights while they are built.
    mmengine_patches.install()
    try:
        init_default_scope(cfg.get('default_scope', 'mmengine'))
        return MODELS.build(cfg.model)
    except Exception as error:  # A config is a program: anything can happen.
        raise ValueError(
            f'the model of {name} cannot be built: '
            f'{type(error).__name__}: {error}'
        ) from error


def check_fit(model: nn.Module, state: StateDict) -> Fit:
    """Load weights into a model, and collect the names that do not fit.

    Args:
        model (nn.Module): The model; it takes what fits.
        state (StateDict): The weights.

    Returns:
        Fit: The names.

    Raises:
        ValueError: If the model refuses the weights for another reason.
    """
    fit = Fit(len(model.state_dict()))
    loaded = like(state)
    loaded.update(state)
    try:
        keys = model.load_state_dict(loaded, strict=False)
    except RuntimeError as error:
        found = re.findall(r'size mismatch for (\S+): (.*)', str(error))
        if not found:
            raise ValueError(
                f'the weights cannot be loaded: {error}'
            ) from error
        fit.misshapen = [f'{name}: {text}' for name, text in found]
        for name, _ in found:
            loaded.pop(name, None)
        keys = model.load_state_dict(loaded, strict=False)
    wrong = {text.split(':')[0] for text in fit.misshapen}
    fit.missing = [key for key in keys.missing_keys if key not in wrong]
    fit.unexpected = list(keys.unexpected_keys)
    return fit
