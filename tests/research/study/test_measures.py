"""What is measured of a network after its training."""

import importlib

import pytest
import torch

from tests.helpers.study_data import write_files


@pytest.fixture
def measures(monkeypatch):
    return importlib.import_module('research.study.measures')


@pytest.fixture
def splits(measures, tmp_path):
    write_files(tmp_path)
    return importlib.import_module('research.study.data').read_splits(
        tmp_path, 250, 50
    )


@pytest.fixture
def network(measures):
    torch.manual_seed(0)
    return importlib.import_module('research.study.networks').cnn().eval()


@pytest.mark.slow
def test_every_measure_is_a_number_and_the_network_stays(
    measures, splits, network
):
    before = {k: v.clone() for k, v in network.state_dict().items()}
    found = dict(measures.measure(network, splits.train, splits.test))
    assert set(found) == {
        'train/loss_eval',
        'test/ece',
        'test/accuracy_noise_0.5',
        'test/accuracy_noise_1.0',
        'test/accuracy_fgsm_0.05',
        'train/hessian_top',
        'train/hessian_top_batch',
        'train/hessian_trace',
        'train/sharpness_worst_0.05',
        'train/sharpness_average_0.02',
        'test/sharpness_worst_0.05',
        'test/sharpness_average_0.02',
    }
    assert all(abs(value) < 1e6 for value in found.values())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_agreement_over_the_seeds(measures, splits, network):
    torch.manual_seed(1)
    other = importlib.import_module('research.study.networks').cnn().eval()
    models = {0: network, 1: network, 2: other}
    found = measures.agreements(models, splits.test)
    one, two = (
        measures.predict(m, splits.test).argmax(1) for m in (network, other)
    )
    share = 100 * float((one == two).float().mean())
    assert share < 100
    assert found[0] == pytest.approx((100 + share) / 2)
    assert found[2] == pytest.approx(share)
