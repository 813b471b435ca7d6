"""tools/dataset_converters/age_lists.py."""

import importlib
import sys

import pytest

pytest.importorskip('mmpretrain')

from sema_mm.tasks.regression import AgeDB, IMDBWiki  # noqa: E402
from tests.helpers import tiny_data  # noqa: E402
from tests.unit.tasks.regression.test_imdb_wiki import (  # noqa: E402
    ROWS,
    write_table,
)


@pytest.fixture
def run(monkeypatch):
    def run(*args):
        words = ['age_lists.py', *map(str, args)]
        monkeypatch.setattr(sys, 'argv', words)
        importlib.import_module('tools.dataset_converters.age_lists').main()

    return run


def test_lists_of_agedb_are_those_of_the_dataset(run, tmp_path, capsys):
    tiny_data.write_agedb(tmp_path, 40)
    run('agedb', tmp_path)
    sizes = []
    for split in ('train', 'val', 'test'):
        listed = AgeDB(str(tmp_path), ann_file=f'{split}.txt')
        assert list(listed) == list(AgeDB(str(tmp_path), split))
        sizes.append(len(listed))
    said = capsys.readouterr().out
    assert f'train.txt: {sizes[0]} images' in said
    assert sum(sizes) == 40


def test_lists_of_imdb_wiki(run, tmp_path, capsys):
    rows = [(f'{n}{path}', *rest) for n in range(3) for path, *rest in ROWS]
    for name in ('imdb', 'wiki'):
        write_table(tmp_path, name, rows)
        for path, *_ in rows:
            image = tmp_path / f'{name}_crop' / path
            image.parent.mkdir(exist_ok=True)
            image.touch()
    run('imdb-wiki', tmp_path)
    assert 'left out for an impossible age: 18' in capsys.readouterr().out
    for split in ('train', 'val', 'test'):
        listed = IMDBWiki(str(tmp_path), f'{split}.txt')
        ages = [info['gt_score'].item() for info in listed]
        assert sorted(ages) == [29, 29, 30, 30]


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig'])
def test_a_published_split(run, tmp_path, encoding):
    (tmp_path / 'given.csv').write_text(
        'age,path,split\n31,AgeDB/1.jpg,train\n8,AgeDB/2.jpg,test\n'
        '9,AgeDB/3.jpg,val\n',
        encoding,
    )
    run('csv', tmp_path, '--file', tmp_path / 'given.csv')
    assert (tmp_path / 'train.txt').read_text() == 'AgeDB/1.jpg,31\n'
    assert (tmp_path / 'test.txt').read_text() == 'AgeDB/2.jpg,8\n'
    assert (tmp_path / 'val.txt').read_text() == 'AgeDB/3.jpg,9\n'


@pytest.mark.parametrize(
    'row',
    [
        'x,a.jpg,train',
        '3,a.jpg,dev',
        '3,a.jpg',
        '3,,train',
        '999,a.jpg,train',
        'nan,a.jpg,train',
    ],
)
def test_a_wrong_split(run, tmp_path, row):
    (tmp_path / 'given.csv').write_text(f'age,path,split\n{row}\n')
    with pytest.raises(SystemExit) as caught:
        run('csv', tmp_path, '--file', tmp_path / 'given.csv')
    said = str(caught.value)
    assert 'given.csv has a row that is not an age from 0 to 120' in said
    assert repr(row.split(',')[0]) in said
    assert not (tmp_path / 'train.txt').exists()


def test_no_empty_list_replaces_another(run, tmp_path):
    (tmp_path / 'train.txt').write_text('a.jpg,3\n')
    for rows, empty in (('', 'train, val, test'), ('3,b.jpg,train\n', 'val')):
        (tmp_path / 'given.csv').write_text(f'age,path,split\n{rows}')
        with pytest.raises(
            SystemExit, match=f'error: there are no images for {empty}'
        ):
            run('csv', tmp_path, '--file', tmp_path / 'given.csv')
        assert (tmp_path / 'train.txt').read_text() == 'a.jpg,3\n'


def test_wrong_arguments(run, tmp_path, capsys):
    with pytest.raises(SystemExit, match='error: there are no images in'):
        run('agedb', tmp_path)
    with pytest.raises(SystemExit, match='error: .*wiki|error: .*imdb'):
        run('imdb-wiki', tmp_path)
    for args in (('csv',), ('agedb', '--file', 'a.csv')):
        with pytest.raises(SystemExit, match='2'):
            run(args[0], tmp_path, *args[1:])
        assert 'csv needs it' in capsys.readouterr().err
