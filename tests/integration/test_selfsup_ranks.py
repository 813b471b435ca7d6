"""Two processes on a CPU learn, switch and compare neighbours as one."""

import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from tests.helpers.selfsup_toys import (
    MODELS_WITH_TARGET,
    Images,
    build,
    loader,
)
from tests.unit.hooks.test_switch_target_hook import HOOK, weights

pytestmark = pytest.mark.slow

#: An odd number, so that the sampler of two ranks fills up.
IMAGES = 29


def start(folder, **changes):
    data = loader(Images(IMAGES, views=False), batch_size=4)
    return build(
        f'{folder}/run',
        MODELS_WITH_TARGET['byol'][1],
        [HOOK],
        epochs=2,
        val_dataloader=data,
        val_cfg=dict(
            type='sema_mm.tasks.selfsup.KNNValLoop', bank=dict(data), k=3
        ),
        val_evaluator=dict(type='Accuracy', topk=(1,), prefix='knn'),
        **changes,
    )


def bank(runner):
    """Fill the bank once more, which a validation has emptied."""
    classifier = runner.val_loop.classifier
    assert classifier._features is None
    classifier.fit()
    return classifier._features


def worker(rank, folder):
    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)
    dist.init_process_group(
        'gloo', f'file://{folder}/meeting', rank=rank, world_size=2
    )
    wrapper = dict(type='MMDistributedDataParallel', device_ids=None)
    runner = start(
        folder,
        launcher='pytorch',
        cfg=dict(model_wrapper_cfg=wrapper),
        env_cfg=dict(dist_cfg=dict(backend='gloo')),
    )
    runner.train()
    left = dict(
        model=runner.model.module.state_dict(),
        metrics=runner.val(),
        bank=bank(runner),
    )
    torch.save(left, f'{folder}/rank{rank}.pth')
    dist.destroy_process_group()


def test_two_ranks_are_as_one(tmp_path):
    mp.spawn(worker, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f'rank{r}.pth') for r in (0, 1))
    model = first['model']
    for online, average in weights(model, 'target_net'):
        assert torch.equal(model[online], second['model'][online])
        assert torch.equal(model[online], model[average])

    assert len(first['bank']) == IMAGES
    assert torch.equal(first['bank'], second['bank'])
    alone = start(tmp_path)
    alone.model.load_state_dict(model)
    assert alone.val() == first['metrics'] == second['metrics']
    torch.testing.assert_close(bank(alone), first['bank'])
