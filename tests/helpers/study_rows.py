"""Rows of a study that was not made, with effects that are known."""

import importlib
import math
import random

STEPS = 220
EPOCHS = 10
WINDOWS = (0.03, 0.1, 0.3, 1, 3)
SETTINGS = {
    'cnn-sgd-cosine': {'seeds': 10},
    'vit-adamw-cosine': {'seeds': 5},
    'cnn-sgd-cosine-noise20': {'seeds': 5, 'momenta_of': 'cnn-sgd-cosine'},
}
#: Final accuracy (%) beyond the baseline's, at the best window.
EFFECTS = {
    'baseline': 0.0,
    'ema': 0.5,
    'ema-bn': 0.5,
    'sema': 0.5,
    'sema-bn': 0.5,
    'swa': 0.0,
    'lookahead': -0.5,
}
#: Of the last epoch, as of the baseline, and what Switch EMA makes of it.
LAST = {
    'train/loss_eval': (0.20, 1.0),
    'test/ece': (2.0, 0.8),
    'test/agreement': (93.0, 1.01),
    'test/accuracy_noise_0.5': (80.0, 1.0),
    'test/accuracy_noise_1.0': (70.0, 1.0),
    'test/accuracy_fgsm_0.05': (60.0, 1.0),
    'train/hessian_top': (40.0, 0.5),
    'train/hessian_trace': (400.0, 0.5),
    'train/sharpness_worst_0.05': (0.05, 0.5),
    'train/sharpness_average_0.02': (0.02, 1.0),
    'time/iteration': (40.0, 1.001),
}


def momentum_of(window):
    """Convert a window in epochs, as the config of a study does."""
    return float(f'{1 / (window * STEPS):.4g}')


def study_rows(effects=EFFECTS, settings=SETTINGS, last=LAST):
    """Make the rows; the same each time.

    The noise of a seed is common to all methods, but for a tenth.
    """
    make = importlib.import_module('research.study.rows').Row
    rows = []
    for setting, plan in settings.items():
        seeds = list(range(plan['seeds']))
        seeds += [] if 'momenta_of' in plan else [100, 101]
        for method, effect in effects.items():
            if method.endswith('-bn') and setting.startswith('vit'):
                continue
            for window, interval in setups(method):
                for seed in seeds:
                    if skipped(method, seed, window, interval):
                        continue
                    momentum = window and momentum_of(window)
                    start = (setting, method, momentum, interval, seed)
                    rows += run(make, start, effect - loss_of(method, window))
                    factor = method.startswith('sema')
                    rows += ends(make, start, last, factor)
    return rows


def setups(method):
    """List windows and intervals."""
    if method.startswith('ema'):
        return [(window, None) for window in WINDOWS]
    if method.startswith('sema'):
        return [(w, k) for w in WINDOWS for k in (50, STEPS)]
    return [(None, None)]


def skipped(method, seed, window, interval):
    """Tell whether a report seed leaves a setup out: SEMA's not chosen."""
    if seed >= 100 or not method.startswith('sema'):
        return False
    return (window, interval) != (0.1, STEPS)


def loss_of(method, window):
    """Tell what a window costs: nothing at 0.1 epochs, long ones a lot."""
    if window is None:
        return 0.0
    far = math.log10(window / 0.1)
    slope = 4.0 if method.startswith('sema') and far > 0 else 0.3
    return slope * far**2


def run(make, start, effect):
    """Make the curve of one run: an exponential to its end."""
    setting, *_, seed = start
    common = random.Random(f'{setting}{seed}').gauss(0, 0.2)
    own = random.Random(repr(start))
    for epoch in range(1, EPOCHS + 1):
        fall = 20 * math.exp(-epoch / 2)
        value = 90 + common + effect - fall + own.gauss(0, 0.02)
        yield make(*start, epoch, 'test/accuracy', round(value, 2))
        yield make(*start, epoch, 'val/accuracy', round(value + 0.3, 2))
        yield make(*start, epoch, 'test/loss', 3 * (100 - value) / 100)
        yield make(*start, epoch, 'train/loss', 2 * (100 - value) / 100)


def ends(make, start, last, averaged):
    """Make the metrics of the last epoch, of the report seeds."""
    seed = start[4]
    if seed >= 100:
        return
    for metric, (value, factor) in last.items():
        noise = random.Random(f'{start}{metric}').gauss(1, 0.001)
        value *= noise * (factor if averaged else 1.0)
        yield make(*start, EPOCHS, metric, value)
