"""Files are old or new, whatever goes wrong in between."""

import os

import pytest

from sema_mm.checkpointing import whole_files as files


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_replaced_at_once(tmp_path):
    path = tmp_path / 'text'
    files.write_text(path, 'old')
    files.write_text(path, 'new')
    assert path.read_text() == 'new'
    assert names(tmp_path) == ['text']


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_a_failure_leaves_the_old_text_and_nothing_else(
    tmp_path, monkeypatch, step
):
    def full(*args):
        raise OSError(28, 'No space left on device')

    path = tmp_path / 'text'
    files.write_text(path, 'old')
    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match='No space'):
        files.write_text(path, 'new')
    assert path.read_text() == 'old'
    assert names(tmp_path) == ['text']


def make_folder(path, content):
    path.mkdir()
    for name in ('rank0', 'rank1'):
        (path / name).write_text(content)


def test_a_folder_replaces_another_with_all_its_files_on_the_disk(
    tmp_path, monkeypatch
):
    path, flushed = tmp_path / 'epoch_1', []
    make_folder(path, 'old')
    make_folder(files.temporary(path), 'new')
    monkeypatch.setattr(files, 'flush', lambda p: flushed.append(p.name))
    files.replace(path)
    assert {(path / name).read_text() for name in names(path)} == {'new'}
    assert names(tmp_path) == ['epoch_1']
    assert {'rank0', 'rank1', '.epoch_1.partial'} <= set(flushed)


def test_recovering_keeps_the_new_folder_where_it_is_there(tmp_path):
    make_folder(tmp_path / 'epoch_1', 'new')
    make_folder(tmp_path / '.epoch_1.former', 'old')
    make_folder(tmp_path / '.epoch_2.former', 'old')
    files.recover(tmp_path)
    assert names(tmp_path) == ['epoch_1', 'epoch_2']
    assert (tmp_path / 'epoch_1' / 'rank0').read_text() == 'new'


def test_only_temporary_files_are_removed(tmp_path):
    (tmp_path / 'epoch_1.pth').touch()
    (tmp_path / '.hidden').touch()
    files.temporary(tmp_path / 'epoch_2.pth').touch()
    make_folder(files.temporary(tmp_path / 'epoch_3.pth'), 'half')
    files.remove_temporary(tmp_path)
    assert names(tmp_path) == ['.hidden', 'epoch_1.pth']


def test_a_folder_is_made_and_tried(tmp_path):
    files.check_writable(tmp_path / 'new' / 'folder')
    assert names(tmp_path / 'new' / 'folder') == []
    (tmp_path / 'file').touch()
    with pytest.raises(OSError):
        files.check_writable(tmp_path / 'file')
