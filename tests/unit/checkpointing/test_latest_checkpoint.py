"""The newest checkpoint that can be read, and what the pointer says then."""

import os

import pytest
import torch

from sema_mm.checkpointing import whole_files as files
from sema_mm.checkpointing.latest_checkpoint import latest_checkpoint
from sema_mm.checkpointing.safe_loading import CheckpointError


@pytest.fixture
def run(tmp_path):
    """A folder with the checkpoints of three epochs, the last one named."""
    for epoch in (1, 2, 3):
        write(tmp_path / f'epoch_{epoch}.pth', epoch)
    point(tmp_path, 'epoch_3.pth')
    return tmp_path


def write(path, epoch):
    torch.save(dict(meta=dict(iter=5 * epoch), state_dict={}), path)
    os.utime(path, ns=(epoch * 10**9, epoch * 10**9))


def point(folder, name):
    (folder / 'last_checkpoint').write_text(str(folder / name))


def pointed(folder):
    return (folder / 'last_checkpoint').read_text()


def test_a_damaged_checkpoint_is_no_longer_pointed_to(run, capsys):
    (run / 'epoch_3.pth').write_bytes(b'')
    (run / 'epoch_2.pth').write_bytes(b'PK')
    assert latest_checkpoint(str(run)) == str(run / 'epoch_1.pth')
    assert pointed(run) == str(run / 'epoch_1.pth')
    assert {p.name for p in run.iterdir()} == {
        'epoch_1.pth',
        'epoch_2.pth.damaged',
        'epoch_3.pth.damaged',
        'last_checkpoint',
    }
    # The next resume finds nothing to mend.
    assert latest_checkpoint(str(run)) == str(run / 'epoch_1.pth')


def test_with_the_last_checkpoint_its_pointer_goes(tmp_path):
    (tmp_path / 'epoch_1.pth').write_bytes(b'')
    point(tmp_path, 'epoch_1.pth')
    assert latest_checkpoint(str(tmp_path)) is None
    assert [p.name for p in tmp_path.iterdir()] == ['epoch_1.pth.damaged']


def test_a_checkpoint_that_is_not_there_now_may_come_back(tmp_path):
    elsewhere = tmp_path / 'disk' / 'epoch_1.pth'
    (tmp_path / 'last_checkpoint').write_text(str(elsewhere))
    assert latest_checkpoint(str(tmp_path)) is None
    assert pointed(tmp_path) == str(elsewhere)


def test_a_checkpoint_on_another_machine_is_left_to_mmengine(run):
    address = 's3://bucket/run/epoch_3.pth'
    (run / 'last_checkpoint').write_text(address)
    assert latest_checkpoint(str(run)) == address
    assert pointed(run) == address


def test_a_folder_that_was_moved(run):
    moved = run.with_name('moved')
    run.rename(moved)
    assert latest_checkpoint(str(moved)) == str(moved / 'epoch_3.pth')
    assert pointed(moved) == str(moved / 'epoch_3.pth')


def test_a_stop_before_the_first_pointer(run):
    (run / 'last_checkpoint').unlink()
    assert latest_checkpoint(str(run)) == str(run / 'epoch_3.pth')
    assert pointed(run) == str(run / 'epoch_3.pth')


def test_a_stop_before_the_pointer_moved(run):
    point(run, 'epoch_2.pth')
    assert latest_checkpoint(str(run)) == str(run / 'epoch_3.pth')


def test_names_of_the_hook(tmp_path):
    write(tmp_path / 'net-1.ckpt', 1)
    write(tmp_path / 'net-best.ckpt', 2)
    assert latest_checkpoint(str(tmp_path)) is None
    chosen = latest_checkpoint(str(tmp_path), 'net-{}.ckpt')
    assert chosen == str(tmp_path / 'net-1.ckpt')


def test_a_whole_file_that_may_not_be_read_is_not_set_aside(run, monkeypatch):
    def forbidden(*args, **kwargs):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(torch, 'load', forbidden)
    with pytest.raises(PermissionError):
        latest_checkpoint(str(run))
    assert (run / 'epoch_3.pth').exists()


def test_a_folder_whose_replacement_was_interrupted(tmp_path, monkeypatch):
    path = tmp_path / 'epoch_1.pth'
    path.mkdir(), (path / 'rank0.pth').write_text('old')
    written = files.temporary(path)
    written.mkdir(), (written / 'rank0.pth').write_text('new')
    rename, calls = os.replace, []

    def killed(*args):
        if calls:
            raise KeyboardInterrupt
        calls.append(rename(*args))

    monkeypatch.setattr(os, 'replace', killed)
    with pytest.raises(KeyboardInterrupt):
        files.replace(path)
    monkeypatch.undo()
    assert not path.exists()
    assert latest_checkpoint(str(tmp_path)) == str(path)
    assert (path / 'rank0.pth').read_text() == 'old'


def test_what_is_refused_is_not_set_aside(run):
    newer = dict(meta=dict(iter=15), state_dict={}, sema_mm_format=99)
    torch.save(newer, run / 'epoch_3.pth')
    with pytest.raises(CheckpointError, match='update sema_mm'):
        latest_checkpoint(str(run))
    assert (run / 'epoch_3.pth').exists()
