"""The plain loop of the decision boundaries."""

import copy
import sys

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from research.analysis.decision_boundaries import __main__ as tool
from research.analysis.decision_boundaries import figure
from research.common.rows import read_rows


def weights(model):
    return torch.cat(
        [p.detach().flatten().clone() for p in model.parameters()]
    )


def test_the_loop_averages_and_switches():
    """Compare with torch's own average, switched by hand."""
    data, momentum, epochs = tool.load_data()[1], 0.1, 3
    live = {}
    for method in tool.METHODS:
        found = tool.train(data, method, 5, epochs)
        live[method.name] = [weights(model) for model in found]
    for name, switches in (('EMA', False), ('SEMA', True)):
        expected = by_torch(data, momentum, switches, epochs)
        for own, other in zip(live[name], expected):
            torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5)
    assert torch.equal(live['EMA'][0], live['SEMA'][0])
    assert not torch.allclose(live['EMA'][1], live['SEMA'][1], atol=1e-3)
    assert not torch.allclose(live['EMA'][0], live['baseline'][0], atol=1e-3)


def by_torch(data, momentum, switches, epochs):
    """Yield the averages of torch's AveragedModel after each epoch."""
    torch.manual_seed(5)
    layers = torch.nn.Linear, torch.nn.ReLU
    model = torch.nn.Sequential(
        *(layers[0](2, 64), layers[1](), layers[0](64, 64), layers[1]()),
        layers[0](64, 2),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    points = torch.utils.data.TensorDataset(*data.train)
    loader = torch.utils.data.DataLoader(points, tool.BATCH, shuffle=True)
    average = AveragedModel(
        model, multi_avg_fn=get_ema_multi_avg_fn(1 - momentum)
    )
    for _ in range(epochs):
        for at, labels in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(at), labels).backward()
            optimizer.step()
            average.update_parameters(model)
        if switches:
            state = copy.deepcopy(average.module.state_dict())
            model.load_state_dict(state)
        yield weights(average.module)


def test_data_are_what_scikit_learn_draws():
    circles, moons = tool.load_data()
    assert len(circles.train[0]) == tool.TRAIN
    assert len(moons.test[0]) == tool.TEST
    radius = circles.points.norm(dim=1)
    assert radius[circles.labels == 0].mean() == pytest.approx(1, abs=0.05)
    assert radius[circles.labels == 1].mean() == pytest.approx(0.5, abs=0.08)


def test_the_grid_covers_the_training_points_line_by_line():
    data = tool.load_data()[0]
    cells = tool.grid(data).view(tool.SIDE, tool.SIDE, 2)
    assert torch.equal(cells[0, 0], data.train[0].amin(0))
    torch.testing.assert_close(cells[-1, -1], data.train[0].amax(0))
    assert (cells[:, 0, 0] == cells[0, 0, 0]).all()
    assert (cells[0, 1:, 0] > cells[0, :-1, 0]).all()


@pytest.mark.slow
def test_rows_come_before_the_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(tool, 'SIDE', 12)
    argv = ['x', '--out', str(tmp_path), '--epochs', '3', '--seeds', '0', '1']
    monkeypatch.setattr(sys, 'argv', argv)
    tool.main()
    rows = read_rows(tmp_path / 'accuracies.csv', tool.Accuracy)
    assert len(rows) == 2 * 3 * 2 * 3
    assert {row.epoch for row in rows} == {1, 2, 3}
    last = [row.value for row in rows if row.epoch == 3]
    assert min(last) > 0.7 and max(last) < 1
    cells = read_rows(tmp_path / 'probabilities.csv', tool.Probability)
    assert len(cells) == 2 * 3 * 2 * 12 * 12
    values = np.array([cell.value for cell in cells])
    assert values.min() < 0.2 and values.max() > 0.8
    image = figure.plt.imread(tmp_path / 'boundaries.png')
    assert len(np.unique(image.reshape(-1, 4), axis=0)) > 20


def test_no_epochs_are_refused(tmp_path, monkeypatch, capsys):
    argv = ['x', '--out', str(tmp_path / 'new'), '--epochs', '0']
    monkeypatch.setattr(sys, 'argv', argv)
    with pytest.raises(SystemExit):
        tool.main()
    assert '--epochs must be at least 1, not 0' in capsys.readouterr().err
    assert not (tmp_path / 'new').exists()


def test_methods_differ_without_colours():
    styles = figure.STYLES
    own = [styles[method.name] for method in tool.METHODS]
    for what in ('color', 'line', 'marker'):
        assert len({getattr(style, what) for style in own}) == len(own)
