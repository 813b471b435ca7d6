"""Join the processes of a run before its runner is built, on CPUs too.

mmengine joins processes itself, but selects a CUDA device first, whatever the
backend. It skips this when they are joined already.
"""

import atexit
import datetime
import gc
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import master_only
from mmengine.logging import print_log
from mmengine.registry import MODEL_WRAPPERS
from torch.nn.parallel import DistributedDataParallel

#: Variables of rank, world size and local rank, by launcher.
NUMBERS = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'mpi': tuple(
        f'OMPI_COMM_WORLD_{name}' for name in ('RANK', 'SIZE', 'LOCAL_RANK')
    ),
}
#: What sets them.
STARTERS = {
    'pytorch': 'torchrun sets: use torchrun -m sema_mm, or tools/dist_*.sh',
    'slurm': 'srun sets: use tools/slurm_*.sh',
    'mpi': 'the mpirun of Open MPI sets',
}


def join_processes(cfg: Config) -> None:
    """Join the processes that a launcher started, where they have no GPU.

    Where they have one, only the rendezvous is set, and mmengine joins them.
    The process group is destroyed when the program ends.

    Args:
        cfg (Config): The config, changed in place to fit CPUs if need be.

    Raises:
        ValueError: If a variable of the launcher or a GPU is missing, or the
            rendezvous fails.
    """
    launcher = cfg.get('launcher', 'none')
    if launcher == 'none':
        return
    os.environ.update(rendezvous(launcher, os.environ))
    atexit.register(part)
    if get_device() == 'cpu':
        if not dist.is_initialized():
            env_cfg = cfg.get('env_cfg') or {}
            join_with_gloo(env_cfg.get('dist_cfg') or {})
        fit_to_cpus(cfg)
    elif get_device() == 'cuda':
        check_gpus(int(os.environ['LOCAL_RANK']), torch.cuda.device_count())


def rank_and_world_size(launcher: str) -> tuple[int, int]:
    """Read the rank and the number of processes before they are joined."""
    rank, size, _ = NUMBERS.get(launcher, ('', '', ''))
    return int(os.environ.get(rank, 0)), int(os.environ.get(size, 1))


def rendezvous(launcher: str, env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that torch reads: rank, world size, rendezvous.

    Args:
        launcher (str): ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        env (Mapping[str, str]): Environment of the process. An address and a
            port that are set already are kept.

    Raises:
        ValueError: If a variable of the launcher is missing.
    """
    try:
        numbers = [env[name] for name in NUMBERS[launcher]]
        address = env.get('MASTER_ADDR') or find_address(launcher, env)
        port = env.get('MASTER_PORT') or find_port(launcher, env)
    except KeyError as error:
        raise ValueError(
            f'--launcher {launcher} needs the environment variable '
            f'{error.args[0]}, which {STARTERS[launcher]}'
        ) from error
    return {
        **dict(zip(NUMBERS['pytorch'], numbers)),
        'MASTER_ADDR': address,
        'MASTER_PORT': port,
    }


def find_address(launcher: str, env: Mapping[str, str]) -> str:
    """Return the address of the machine of rank 0.

    Raises:
        ValueError: If the launcher does not give it.
    """
    if launcher == 'slurm':
        nodes = env.get('SLURM_STEP_NODELIST') or env['SLURM_NODELIST']
        alone = not re.search(r'[,\[]', nodes)
        return '127.0.0.1' if alone else first_node(nodes)
    if launcher == 'mpi':
        local = env.get('OMPI_COMM_WORLD_LOCAL_SIZE')
        if local == env['OMPI_COMM_WORLD_SIZE']:
            return '127.0.0.1'
        raise ValueError(
            'processes on several machines need MASTER_ADDR, the address of '
            'the machine of process 0, in their environment'
        )
    return env['MASTER_ADDR']


def first_node(nodes: str) -> str:
    """Return the first node of a Slurm list, as in ``'gpu[07-09,11],a'``."""
    names = re.sub(r'\[(\w+)[^\]]*\]', r'\1', nodes)
    return names.split(',')[0]


def find_port(launcher: str, env: Mapping[str, str]) -> str:
    """Return the port of rank 0.

    In a Slurm job it depends on the numbers of job and step, so that jobs on
    one machine use different ports; under MPI it is torch's default.
    """
    if launcher == 'slurm':
        step = int(env.get('SLURM_STEP_ID', '0'))
        return str(12000 + (int(env['SLURM_JOB_ID']) + 97 * step) % 20000)
    return '29500' if launcher == 'mpi' else env['MASTER_PORT']


def join_with_gloo(dist_cfg: dict[str, Any]) -> None:
    """Join processes on CPUs.

    Args:
        dist_cfg (dict): What mmengine would join them with.

    Raises:
        ValueError: If the rendezvous fails.
    """
    timeout = None
    if dist_cfg.get('timeout') is not None:
        timeout = datetime.timedelta(seconds=dist_cfg['timeout'])
    if dist_cfg.get('port') is not None:
        os.environ['MASTER_PORT'] = str(dist_cfg['port'])
    where = '{MASTER_ADDR}:{MASTER_PORT}'.format_map(os.environ)
    try:
        dist.init_process_group('gloo', timeout=timeout)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        if 'address already in use' in str(error).lower():
            reason = 'another program has this port: give a free one in PORT'
        raise ValueError(f'rendezvous failed at {where}: {reason}') from error
    say(f'{dist.get_world_size()} processes on CPUs joined at {where}.')


def check_gpus(process: int, gpus: int) -> None:
    """Check that there is a GPU for a process.

    Args:
        process (int): Its local rank.
        gpus (int): GPUs of this machine.

    Raises:
        ValueError: If there is none.
    """
    if process >= gpus:
        raise ValueError(
            f'process {process} of this machine needs a GPU of its own, and '
            f'there are {gpus}: start {gpus}, or run on CPUs (GPUS=0)'
        )


def fit_to_cpus(cfg: Config) -> None:
    """Write into a config what processes without a GPU need."""
    cfg.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})
    owner, key = cfg, 'model_wrapper_cfg'
    if cfg.get('runner_type') == 'FlexibleRunner':
        cfg.strategy = cfg.get('strategy') or dict(type='DDPStrategy')
        owner, key = cfg.strategy, 'model_wrapper'
    if owner is cfg or str(owner.type).endswith('DDPStrategy'):
        owner[key] = owner.get(key) or dict(
            # What mmengine takes where the config says nothing.
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )
        keep_off_gpus(owner[key])
    replaced = replace_sync_bn(cfg.get('model'))
    if owner.pop('sync_bn', None) or replaced:
        say('SyncBN needs GPUs: each process normalises its own batches.')


def keep_off_gpus(wrapper: dict[str, Any]) -> None:
    """Keep a model wrapper from asking for a GPU, unless its config does."""
    kind = wrapper.setdefault('type', 'MMDistributedDataParallel')
    kind = MODEL_WRAPPERS.get(kind) if isinstance(kind, str) else kind
    if isinstance(kind, type) and issubclass(kind, DistributedDataParallel):
        wrapper.setdefault('device_ids', None)


def replace_sync_bn(node: Any) -> bool:
    """Replace SyncBN by BN in part of a config; return whether it had any."""
    if isinstance(node, (list, tuple)):
        return any([replace_sync_bn(part) for part in node])
    if not isinstance(node, dict):
        return False
    found = node.get('type') == 'SyncBN'
    if found:
        node['type'] = 'BN'
    return any([found, *map(replace_sync_bn, list(node.values()))])


@master_only
def say(text: str) -> None:
    """Log a line, on rank 0."""
    print_log(text)


def part() -> None:
    """Destroy the process group at a normal end; torch warns otherwise.

    After an error the other processes may never come. A runner refers to
    itself and, by its model, to threads of the group: while these live, the
    end of the interpreter can abort the process.
    """
    if dist.is_initialized() and not hasattr(sys, 'last_value'):
        gc.collect()
        dist.destroy_process_group()
