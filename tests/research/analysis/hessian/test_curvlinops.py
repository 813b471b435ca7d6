"""curvlinops as a second opinion, and why it does not replace ours."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from research.analysis.hessian import HessianOperator
from research.analysis.mean_loss import MeanLoss
from tests.helpers.dense_hessian import dense_hessian, network

curvlinops = pytest.importorskip('curvlinops')
criterion = nn.CrossEntropyLoss()


def by_curvlinops(model, batches):
    operator = curvlinops.HessianLinearOperator(
        *(model, criterion, list(model.parameters()), batches),
        check_deterministic=False,
    )
    return operator @ torch.eye(operator.shape[0], dtype=torch.float64)


@pytest.mark.parametrize('kind', ['mlp', 'batch norm', 'attention'])
def test_it_agrees_in_evaluation_mode(kind):
    model, batches = network(kind)
    operator = HessianOperator(MeanLoss(model, criterion, batches))
    own = torch.from_numpy(operator @ torch.eye(operator.shape[0]).numpy())
    with sdpa_kernel(SDPBackend.MATH):
        found = by_curvlinops(model.eval(), batches)
    torch.testing.assert_close(found, own)


def test_it_has_no_batch_statistics():
    model, batches = network('batch norm')
    exact = dense_hessian(model, batches, 'train')
    layer = model.eval()[1].train()
    with pytest.raises(RuntimeError, match='in-place'):
        by_curvlinops(model, batches)
    layer.track_running_stats = False
    layer.running_mean = layer.running_var = None
    found = by_curvlinops(model, batches)
    apart = (found - exact).abs().max()
    assert apart > 1e-3 * exact.abs().max()
