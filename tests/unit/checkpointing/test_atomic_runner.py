"""Checkpoints get their name when all ranks have written them."""

import time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from sema_mm.checkpointing import whole_files as files
from sema_mm.checkpointing.atomic_runner import (
    AtomicRunner,
    raise_on_all_ranks,
)


def test_a_full_disk_is_one_sentence_whoever_writes():
    with pytest.raises(RuntimeError) as error:
        with raise_on_all_ranks('it was not written'):
            Path('/dev/full').write_text('text' * 9999)
    assert str(error.value).startswith(
        'it was not written (No space left on device): the earlier '
        'checkpoints are intact'
    )
    with pytest.raises(RuntimeError, match='it was not written.*intact'):
        with raise_on_all_ranks('it was not written'):
            torch.save(torch.zeros(9999), '/dev/full')


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match='^size mismatch$'):
        with raise_on_all_ranks('it was not written'):
            raise RuntimeError('size mismatch')


class Rank:
    """Writes its part of a folder, as runners of sharded models do."""

    def __init__(self, rank, fails=False):
        self.rank = rank
        self.fails = fails

    def save_checkpoint(self, out_dir, filename):
        time.sleep(0.5 * self.rank)
        folder = Path(out_dir) / filename
        folder.mkdir(exist_ok=True)
        (folder / f'rank{self.rank}.pth').write_text('part')
        if self.fails:
            Path('/dev/full').write_text('text' * 9999)


def names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob('*'))


def test_a_folder_is_whole_when_it_gets_its_name(tmp_path):
    AtomicRunner(Rank(0)).save_checkpoint(str(tmp_path), 'epoch_1.pth')
    assert names(tmp_path) == ['epoch_1.pth', 'epoch_1.pth/rank0.pth']


def test_what_could_not_be_written_is_removed(tmp_path):
    with pytest.raises(RuntimeError, match='epoch_1.pth could not be wri'):
        AtomicRunner(Rank(0, fails=True)).save_checkpoint(
            str(tmp_path), 'epoch_1.pth'
        )
    assert names(tmp_path) == []


def write(rank, folder):
    """Write two checkpoints on one of two ranks; the second fails on one."""
    dist.init_process_group(
        'gloo', f'file://{folder}/store', rank=rank, world_size=2
    )
    out_dir = str(Path(folder) / 'run')
    AtomicRunner(Rank(rank)).save_checkpoint(out_dir, 'epoch_1.pth')
    try:
        AtomicRunner(Rank(rank, fails=rank == 1)).save_checkpoint(
            out_dir, 'epoch_1.pth'
        )
    except RuntimeError as error:
        Path(folder, f'said{rank}').write_text(str(error))
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_write_and_fail_together(tmp_path):
    run = tmp_path / 'run'
    run.mkdir()
    mp.spawn(write, (str(tmp_path),), nprocs=2)
    assert names(run) == [
        'epoch_1.pth',
        'epoch_1.pth/rank0.pth',
        'epoch_1.pth/rank1.pth',
    ]
    said = {(tmp_path / f'said{rank}').read_text() for rank in (0, 1)}
    assert len(said) == 1
    assert 'No space left on device' in said.pop()
    assert not files.temporary(run / 'epoch_1.pth').exists()
