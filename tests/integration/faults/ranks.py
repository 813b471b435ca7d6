"""Runs of tools/train.py in several processes that are quick to start."""

import contextlib
import multiprocessing
import os
import runpy
import socket
import sys
import time
from pathlib import Path

import torch

from tests.helpers.tool_runs import TOOLS
from tests.integration.faults.case import Outcome, Place, said

#: Seconds after which a run counts as hanging.
PATIENCE = 90


def train(
    place: Place, *args: str, ranks: int = 2, port: int = 0, stay: tuple = ()
) -> list[Outcome]:
    """Train on several ranks; those in ``stay`` are ended, not waited for.

    Returns an outcome for each rank; raises TimeoutError if one hangs.
    """
    context = multiprocessing.get_context('forkserver')
    # Not this module: the server does not look for modules where we do.
    context.set_forkserver_preload(['mmengine.runner', 'mmengine.hooks'])
    port = port or free_port()
    processes = [
        context.Process(
            target=_run, args=(place.folder, rank, ranks, port, args)
        )
        for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    try:
        end = time.monotonic() + PATIENCE
        for rank, process in enumerate(processes):
            if rank not in stay:
                process.join(max(0, end - time.monotonic()))
            if rank not in stay and process.is_alive():
                raise TimeoutError(f'rank {rank} hangs')
    finally:
        for process in processes:
            process.kill()
            process.join()
    outputs = [(place.folder / f'{r}.txt').read_text() for r in range(ranks)]
    return [
        Outcome(f'exit code {process.exitcode}', said(output), output)
        for process, output in zip(processes, outputs)
    ]


def free_port() -> int:
    """Find a port that is free."""
    with socket.socket() as found:
        found.bind(('127.0.0.1', 0))
        return found.getsockname()[1]


def _run(
    folder: Path, rank: int, ranks: int, port: int, args: tuple[str, ...]
) -> None:
    torch.set_num_threads(1)
    numbers = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=ranks)
    place = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
    os.environ.update({k: str(v) for k, v in {**numbers, **place}.items()})
    os.chdir(folder)
    output = os.open(f'{rank}.txt', os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1), os.dup2(output, 2)
    sys.argv = ['train.py', 'toy.py', '--launcher', 'pytorch', *args]
    with contextlib.ExitStack() as stack:
        stack.callback(sys.stdout.flush)
        runpy.run_path(str(TOOLS / 'train.py'), run_name='__main__')
