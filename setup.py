"""Metadata of the package; tools are configured in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
# Images to train on that need no download, and a lock for the files that two
# processes make from them (torch needs it, too).
DIGITS = ['scikit-learn', 'filelock']
# Correlations, and the Matlab tables of IMDB-WIKI.
REGRESSION = ['scipy']


def read_version() -> str:
    """Return the version without importing the package, and torch with it."""
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
    # Where OpenMMLab's packages keep their configs and tools; .mim holds
    # links to the folders of the checkout.
    package_data={
        'sema_mm': [
            'py.typed',
            '.mim/model-index.yml',
            *(
                f'.mim/{pattern}'
                for pattern in (
                    'configs/**/*.py',
                    'configs/**/*.yml',
                    'configs/**/*.md',
                    'tools/**/*.py',
                    'tools/*.sh',
                )
            ),
        ]
    },
    entry_points={'console_scripts': ['sema-mm = sema_mm.cli.main:main']},
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
        # Of sema_mm.tasks.
        'digits': DIGITS,
        'regression': REGRESSION,
        # Checkpoints that end in .safetensors.
        'safetensors': ['safetensors'],
        # Tests, in parallel too, with the logs that they read. Those of
        # research/ need research/requirements.txt as well.
        'tests': [
            *('pytest>=8', 'pytest-xdist', 'tensorboard', 'safetensors'),
            *('matplotlib', 'rich'),
            *DIGITS,
            *REGRESSION,
        ],
    },
)
