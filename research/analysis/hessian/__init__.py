"""The Hessian of a mean loss: eigenvalues, trace, spectral density.

Not curvlinops' Hessian, which has no BatchNorm with batch statistics.
"""

from .eigenvalues import top_eigenvalues
from .hessian_operator import HessianOperator
from .hutchinson import trace
from .lanczos import spectral_density, spectral_quadrature

__all__ = [
    'HessianOperator',
    'spectral_density',
    'spectral_quadrature',
    'top_eigenvalues',
    'trace',
]
