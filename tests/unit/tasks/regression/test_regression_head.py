"""The head, alone and in mmpretrain's ImageClassifier."""

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

pytest.importorskip('mmpretrain')

from mmpretrain.registry import MODELS  # noqa: E402
from mmpretrain.structures import DataSample  # noqa: E402

from sema_mm.tasks.regression import RegressionHead  # noqa: E402

TARGETS = [3.25, -1.5, 40.75, 0.0]


def samples(targets=TARGETS):
    return [
        DataSample().set_gt_score(np.array([target], np.float32))
        for target in targets
    ]


def features(channels=5):
    return (torch.randn(len(TARGETS), channels, generator=generator()),)


def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ('loss', 'function'),
    [
        (None, lambda d: d.abs()),
        (dict(type='torch.nn.MSELoss'), lambda d: d**2),
        (
            dict(type='torch.nn.SmoothL1Loss', beta=2.0),
            lambda d: torch.where(d.abs() < 2, d**2 / 4, d.abs() - 1),
        ),
    ],
)
def test_losses(loss, function):
    head = RegressionHead(5, loss)
    torch.nn.init.normal_(head.fc.weight)
    (x,) = features()
    output = x @ head.fc.weight[0] + head.fc.bias
    expected = function(output - torch.tensor(TARGETS)).mean()
    assert expected > 1
    found = head.loss((x,), samples())
    assert found.keys() == {'loss'}
    torch.testing.assert_close(found['loss'], expected)


def test_predictions_are_those_of_the_loss_and_have_its_unit():
    head = RegressionHead(5, mean=180.0, std=100.0)
    head.init_weights()
    (x,) = features()
    predicted = head.predict((x,), samples())
    outputs = torch.cat([sample.pred_score for sample in predicted])
    raw = (x @ head.fc.weight.T).flatten() + head.fc.bias
    torch.testing.assert_close(outputs, 180 + 100 * raw)
    assert 0 < (outputs - 180).abs().max() < 20
    loss = (outputs - torch.tensor(TARGETS)).abs().mean()
    torch.testing.assert_close(head.loss((x,), samples())['loss'], loss)
    alone = head.predict((x,))
    assert torch.equal(alone[2].pred_score, predicted[2].pred_score)


def test_weights_begin_small():
    head = RegressionHead(20_000)
    head.init_weights()
    assert head.fc.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert head.fc.bias.item() == 0


def test_targets_keep_their_fractions_and_reach_the_loss():
    """gt_label would be cut to whole numbers; see the package's docstring."""
    assert DataSample().set_gt_label(np.array([3.25])).gt_label.item() == 3
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(
            dict(
                type='ImageClassifier',
                backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=8),
                neck=dict(type='GlobalAveragePooling'),
                head=dict(
                    type='sema_mm.tasks.regression.RegressionHead',
                    in_channels=64,
                ),
            )
        )
    images = [
        torch.randint(256, (3, 16, 16), dtype=torch.uint8) for _ in TARGETS
    ]
    batch = model.data_preprocessor(
        dict(inputs=images, data_samples=samples()), training=True
    )
    model.head.fc.weight.data.zero_()
    model.head.fc.bias.data.fill_(1.0)
    loss = model(**batch, mode='loss')['loss']
    expected = np.abs(np.array(TARGETS) - 1).mean()
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert model.head.fc.weight.grad.abs().sum() > 0
    predicted = model(**batch, mode='predict')
    assert [sample.pred_score.tolist() for sample in predicted] == [[1.0]] * 4
    assert [sample.gt_score.item() for sample in predicted] == TARGETS
    assert model(**batch, mode='tensor').shape == (4,)


def test_half_precision_keeps_the_unit():
    head = RegressionHead(5, mean=180.0)
    (x,) = features()
    with torch.autocast('cpu', torch.bfloat16):
        prediction = head((x,))
    assert prediction.dtype == torch.float32
    # bfloat16 has no numbers between 180 and 181.
    assert (prediction - prediction.round()).abs().max() > 0.01


def test_half_precision_ends_before_the_layer():
    """The layer alone makes ages around 40, as in the configs."""
    head = RegressionHead(5)
    torch.nn.init.constant_(head.fc.bias, 40.0)
    (x,) = features()
    exact = head((x,))
    with torch.autocast('cpu', torch.bfloat16):
        prediction = head((x,))
        assert head.fc(x).dtype == torch.bfloat16
    assert torch.equal(prediction, exact)
    # What comes before it may be in half precision.
    torch.testing.assert_close(head((x.bfloat16(),)), exact, atol=0.01, rtol=0)
    assert head.bfloat16()((x,)).dtype == torch.float32


def test_wrong_input():
    head = RegressionHead(5)
    with pytest.raises(ValueError, match='GlobalAveragePooling'):
        head((torch.zeros(4, 5, 2, 2),))
    with pytest.raises(ValueError, match='reads its targets from gt_score'):
        head.loss(features(), [DataSample().set_gt_label(3)] * 4)
    with pytest.raises(ValueError, match='std=0 must be above 0'):
        RegressionHead(5, std=0)
    with pytest.raises(TypeError, match='num_classes'):
        RegressionHead(5, num_classes=1)
