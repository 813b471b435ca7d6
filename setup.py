"""Metadata of the package; tools are configured in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
ANALYSIS = [
    'scipy',
    'matplotlib',
    'rich',
    'scikit-learn',
    'filelock',
    'jinja2',
]


def read_version() -> str:
    """Reads the version without importing the package (and torch with it).

    Returns:
        str: the version, as in ``'0.1.0'``.
    """
    values: dict = {}
    exec((ROOT / 'sema_mm' / 'version.py').read_text(), values)
    return values['__version__']


setup(
    name='sema_mm',
    version=read_version(),
    description='Switch EMA weight averaging for OpenMMLab',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['sema_mm', 'sema_mm.*']),
    package_data={'sema_mm': ['py.typed']},
    python_requires='>=3.9',
    # torch holds the tensors; 2.6 is the oldest that loads checkpoints with
    # weights_only by default. The engine is left to the extras: the official
    # packages and their maintained forks have the same import names, so that
    # requiring one would break an environment that has the other.
    install_requires=['torch>=2.6'],
    extras_require={
        # mmengine runs the hooks; mmcv, mmdet and mmpretrain bring the models
        # of the configs. mmdet 3.3 refuses mmcv 2.2 and later.
        'openmmlab': [
            'mmengine>=0.10.4',
            'mmcv>=2.0.0,<2.2.0',
            'mmdet>=3.3.0',
            'mmpretrain>=1.2.0',
        ],
        # The same, from the maintained forks.
        'onedl': [
            'onedl-mmengine>=0.10.12',
            'onedl-mmcv>=2.3.6',
            'onedl-mmdetection>=3.5.1',
            'onedl-mmpretrain>=1.3.6',
        ],
        # Eigenvalues, correlations and Matlab's tables (scipy), figures,
        # tables, and the embedded digits, whose scenes two processes may
        # build at once (filelock, which torch needs too); the templates of
        # the report (jinja2, the same).
        'analysis': ANALYSIS,
        # Tests, in parallel too, and the logs and weights that they read.
        'tests': [
            'pytest>=8',
            'pytest-xdist',
            'tensorboard',
            'safetensors',
            *ANALYSIS,
        ],
    },
)
