"""The overwrite-frequency vector of Keras, step by step.

SGD with learning rate 1, all gradients 1, momentum 0.1, the average written
over the weights after step 3.
"""

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import nn

from sema_mm import SwitchEMA, SwitchEMAHook
from tests.helpers.toy import build_runner, find_hook, loader

START = [[3.0, 4.0], [5.0, 6.0]]
#: Model and average after each step, the switch included.
STEPS = [
    ([[2, 3], [4, 5]], [[2, 3], [4, 5]]),
    ([[1, 2], [3, 4]], [[1.9, 2.9], [3.9, 4.9]]),
    ([[1.71, 2.71], [3.71, 4.71]], [[1.71, 2.71], [3.71, 4.71]]),
]


class SumOfWeights(BaseModel):
    """A model whose loss is the sum of its weights: all gradients are 1."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(START))

    def forward(self, inputs, label=None, mode='tensor'):
        return dict(loss=self.weight.sum())


class Diary(Hook):
    """Notes model and average after every iteration."""

    priority = 'LOWEST'

    def __init__(self):
        self.pages = []

    def after_train_iter(self, runner, *args, **kwargs):
        average = find_hook(runner, SwitchEMAHook).average
        self.pages.append(
            (
                runner.model.weight.detach().clone(),
                average.average_now()['weight'].clone(),
            )
        )


def assert_golden(pages):
    assert len(pages) == len(STEPS)
    for page, expected in zip(pages, STEPS):
        for found, wanted in zip(page, expected):
            np.testing.assert_allclose(
                found.detach().numpy(), wanted, rtol=1e-6, atol=0
            )


def test_golden_vector_in_a_plain_loop():
    """SwitchEMA alone, as its documentation tells to use it."""
    model = SumOfWeights()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    average = SwitchEMA(model, momentum=0.1)
    pages = []
    for step in (1, 2, 3):
        optimizer.zero_grad()
        model(None)['loss'].backward()
        optimizer.step()
        average.update_parameters(model)
        if step == 3:
            average.switch_parameters(model)
        pages.append(
            (
                model.weight.detach().clone(),
                average.average_now()['weight'].clone(),
            )
        )
    assert_golden(pages)
    assert average.steps == 3


@pytest.mark.parametrize('epoch_loop', [False, True])
def test_golden_vector_in_a_runner(tmp_path, epoch_loop):
    """SwitchEMAHook, every 3 iterations, in both loops of mmengine."""
    hook = dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.1,
        by_epoch=False,
        switch_interval=3,
    )
    diary = Diary()
    # Without a validation: this model has nothing to predict.
    runner = build_runner(
        tmp_path,
        [hook, diary],
        epochs=1,
        iters=None if epoch_loop else 3,
        model=SumOfWeights(),
        train_dataloader=loader(size=3, batch_size=1, infinite=not epoch_loop),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1.0)),
        param_scheduler=None,
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
    )
    runner.train()
    assert_golden(diary.pages)
    assert find_hook(runner, SwitchEMAHook).switches == 1
    name = 'epoch_1.pth' if epoch_loop else 'iter_3.pth'
    saved = torch.load(tmp_path / name, weights_only=False)
    np.testing.assert_allclose(
        saved['state_dict']['weight'].numpy(), STEPS[2][1], rtol=1e-6
    )


def test_without_switch_the_third_step_differs():
    """The vector tells a switch from none."""
    model = SumOfWeights()
    average = SwitchEMA(model, momentum=0.1)
    for _ in range(3):
        with torch.no_grad():
            model.weight.sub_(1.0)
        average.update_parameters(model)
    assert not np.allclose(model.weight.detach().numpy(), STEPS[2][0])
    np.testing.assert_allclose(
        average.average_now()['weight'].numpy(), STEPS[2][1], rtol=1e-6
    )
