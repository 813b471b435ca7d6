"""One small training, on one process or in the ranks of any backend."""

import contextlib
import os
import shutil

import torch
import torch.distributed as dist
from mmengine.hooks import Hook
from mmengine.runner import FlexibleRunner, Runner
from torch import nn

from sema_mm import SwitchEMAHook
from tests.helpers.sync_batch_norm import SyncBatchNorm
from tests.helpers.toy import ToyModel, build_runner, find_hook, loader

EPOCHS = 4
STOP = 2
WRAPPER = dict(type='MMDistributedDataParallel', device_ids=None)


class Stop(Exception):
    """Stands for a kill."""


class Stopper(Hook):
    """Stops the run when an epoch is over."""

    def __init__(self, epoch):
        self.epoch = epoch

    def before_train_epoch(self, runner):
        if runner.epoch == self.epoch:
            raise Stop


class Poison(Hook):
    """Makes a part of the weights of the last rank NaN after a step."""

    priority = 'HIGH'

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter == 8 and dist.get_rank() == 1:
            parameters = [p._local_tensor for p in runner.model.parameters()]
            max(parameters, key=torch.numel).data.fill_(torch.nan)


def fsdp1(use_orig_params):
    """Two FSDP units: the convolution, and the rest."""
    return dict(
        type='sema_mm.FSDPStrategy',
        model_wrapper=dict(
            use_orig_params=use_orig_params,
            auto_wrap_policy=only_convolutions,
        ),
    )


def only_convolutions(module, recurse, **_):
    return recurse or isinstance(module, torch.nn.Conv2d)


BACKENDS = {
    'ddp': dict(cfg=dict(model_wrapper_cfg=WRAPPER)),
    'flexible_ddp': dict(
        strategy=dict(type='DDPStrategy', model_wrapper=WRAPPER)
    ),
    'fsdp1': dict(strategy=fsdp1(True)),
    'fsdp1_flat': dict(strategy=fsdp1(False)),
    'fsdp2': dict(
        strategy=dict(type='sema_mm.FSDP2Strategy', modules=['Conv2d'])
    ),
}


def build(folder, backend=None, stop=None, hooks=(), counts=1, **hook):
    """Build a run of 4 images a step: 4 on one process, or 2 on each rank."""
    torch.manual_seed(3)
    model = ToyModel()
    model.conv = nn.Conv2d(1, 4, 3, bias=False)
    model.bn = SyncBatchNorm(4)
    wrapper = dict(
        optimizer=dict(type='SGD', lr=0.1, momentum=0.9),
        accumulative_counts=counts,
    )
    changes = dict(optim_wrapper=wrapper)
    changes.update(BACKENDS[backend] if backend else {})
    flexible = 'strategy' in changes
    ranks = dict(launcher='pytorch') if backend else {}
    env = dict(dist_cfg=dict(backend='gloo'))
    if backend and not flexible:
        ranks['env_cfg'] = env
    if flexible:
        changes['strategy'] = dict(changes['strategy'])
    # Every other epoch: some evaluations see an average that is not the
    # model.
    average = dict(
        type='sema_mm.SwitchEMAHook', momentum=0.3, switch_interval=2, **hook
    )
    checkpoint = dict(type='sema_mm.SafeCheckpointHook', save_best='toy/score')
    checkpoint.update(rule='greater', interval=1)
    return build_runner(
        folder,
        [average, Stopper(stop), *hooks],
        epochs=EPOCHS,
        model=model,
        resume=os.path.exists(f'{folder}/last_checkpoint'),
        train_dataloader=loader(batch_size=2 if backend else 4),
        default_hooks=dict(checkpoint=checkpoint),
        runner_type=FlexibleRunner if flexible else Runner,
        **ranks,
        **changes,
    )


def train(folder, backend=None, **how):
    runner = build(folder, backend, **how)
    with contextlib.suppress(Stop):
        runner.train()
    return runner


def copy_start(source, target):
    """Let a run go on from the checkpoint of another, at the stop."""
    os.makedirs(target, exist_ok=True)
    name = f'epoch_{STOP}.pth'
    shutil.copy(f'{source}/{name}', f'{target}/{name}')
    with open(f'{target}/last_checkpoint', 'w') as file:
        file.write(f'{target}/{name}')


def join(rank, folder, size=2, backend='gloo'):
    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)
    dist.init_process_group(
        backend, f'file://{folder}/meeting', rank=rank, world_size=size
    )


def keep_average(runner, folder, rank):
    state = find_hook(runner, SwitchEMAHook).average.state_dict()
    torch.save(state, f'{folder}/average{rank}.pth')


def worker(rank, folder):
    """Train with every backend: straight, with a resume, from a plain file."""
    join(rank, folder)
    for backend in BACKENDS:
        own = f'{folder}/{backend}'
        train(own, backend, stop=STOP)
        keep_average(train(own, backend), own, rank)
        from_plain = f'{folder}/{backend}_from_plain'
        if rank == 0:
            copy_start(f'{folder}/plain', from_plain)
        dist.barrier()
        train(from_plain, backend)
    train(f'{folder}/pending_fsdp2', 'fsdp2', stop=1, counts=4)
    train(f'{folder}/pending_fsdp2', 'fsdp2', counts=4)
    runner = train(
        f'{folder}/poison', 'fsdp2', hooks=[Poison()], max_nonfinite=99
    )
    keep_average(runner, f'{folder}/poison', rank)
    dist.destroy_process_group()
