"""Where an old checkpoint holds the average."""

import pytest
import torch

from tests.helpers.old_checkpoints import (
    config_text,
    parameters_of,
    save_old,
    two_models,
    weights_of,
)


@pytest.mark.parametrize(
    ('name', 'meta', 'where'),
    [
        ('epoch_1.pth', {}, 'weights: assumed'),
        ('iter_10.pth', {}, 'buffers: it was saved by iteration'),
        ('a.pth', dict(config=config_text(49)), 'weights: ExpMom'),
        ('a.pth', dict(config=config_text('HIGH')), 'weights: ExpMom'),
        ('a.pth', dict(config=config_text(None)), 'buffers: ExpMom'),
        ('a.pth', dict(config=config_text('LOW')), 'buffers: ExpMom'),
        (
            'a.pth',
            dict(config=config_text(None), openmixup_version='0.2.9'),
            'weights: ExpMom',
        ),
        ('best_x.pth', dict(config=config_text(None)), 'weights: ExpMom'),
        (
            'a.pth',
            dict(config=config_text(by_epoch=False)),
            'buffers: it was saved by iteration',
        ),
        (
            'a.pth',
            dict(config=config_text(runner='IterBasedRunner')),
            'buffers: it was saved by iteration',
        ),
        ('a.pth', dict(config='a = 1'), 'weights: assumed, as its'),
        ('a.pth', dict(config='not python'), 'weights: assumed, as hooks'),
    ],
)
def test_where_the_average_is(name, meta, where, tmp_path, convert):
    average, origin = two_models()
    average_in = where.split(':')[0]
    old = save_old(tmp_path / name, average, origin, average_in, **meta)
    path, text = convert(old)
    assert f'average in    the {where}' in text
    found = weights_of(path)
    for key, value in parameters_of(average).items():
        assert torch.equal(found[key], value), key
    # mmcv had not counted the iteration that it saved after.
    late = 'by iteration' in where
    done = torch.load(path)['meta']
    assert (done['epoch'], done['iter']) == ((1, 13) if late else (2, 12))
