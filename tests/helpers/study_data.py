"""A small study, with files in the layout of Fashion-MNIST."""

import numpy as np
import torch

#: A study that trains in a second: 40 iterations for each network.
CONFIG = """
data = dict(root={root!r}, images=250, validation=50)
batch_size = 10
epochs = 2
selection_seeds = [100]
windows = [0.25, 0.5]
swa_begin = 2
recalibration_batches = 2
sgd = dict(type='SGD', lr=0.1, momentum=0.9)
settings = {{
    'cnn': dict(
        network='cnn', optimizer=sgd, schedule='cosine', seeds=2,
        intervals=[7],
    ),
    'vit-noise': dict(
        network='vit', optimizer=sgd, schedule='constant', seeds=1,
        warmup_epochs=1, label_noise=0.4, momenta_of='cnn',
    ),
}}
"""


def write_files(root):
    """Write images whose brightest row tells their class."""
    generator = np.random.default_rng(0)
    for name, count in (('train', 250), ('t10k', 60)):
        labels = generator.integers(0, 10, count, np.uint8)
        images = generator.integers(0, 90, (count, 28, 28), np.uint8)
        images[np.arange(count), 2 * labels + 4] += 160
        shape = np.array([count, 28, 28], '>u4').tobytes()
        file = root / f'{name}-images-idx3-ubyte'
        file.write_bytes(b'\0\0\x08\x03' + shape + images.tobytes())
        file = root / f'{name}-labels-idx1-ubyte'
        file.write_bytes(b'\0\0\x08\x01' + shape[:4] + labels.tobytes())


def write_study(folder):
    """Write the files and the config, and return the config's path."""
    write_files(folder)
    config = folder / 'study.py'
    config.write_text(CONFIG.format(root=str(folder)))
    return config


def states(training):
    """Return a copy of all tensors of a model."""
    return {k: v.clone() for k, v in training.model.state_dict().items()}


def equal(one, other):
    """Tell whether two states are the same bit for bit."""
    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) for name in one
    )
