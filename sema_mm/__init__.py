"""Switch EMA for OpenMMLab."""

from sema_mm.version import __version__

__all__ = ['__version__']
