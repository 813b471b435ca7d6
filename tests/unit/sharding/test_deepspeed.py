"""DeepSpeed trains, switches, saves and resumes as one process does.

Two ranks train with ZeRO-0 to ZeRO-3 on the same global batches as one
process: straight, with a stop and a resume in the middle, and from a
checkpoint of the unsharded run. There are two switches.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sema_mm import SwitchEMAHook
from sema_mm.sharding.deepspeed_masters import masters_of
from tests.helpers.exact import assert_differ, assert_same
from tests.helpers.toy import find_hook
from tests.unit.sharding import ranks

ROOT = Path(__file__).parents[3]
STOP = 3
BACKENDS = ['zero0', 'zero1', 'zero2', 'zero3']
HALF = ['zero0_bf16', 'zero2_bf16', 'zero3_bf16']
ALL = [*BACKENDS, *HALF, 'zero2_accumulated']
WRITTEN = [f'written{n}{t}' for n in range(4) for t in ('', '_bf16')]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    packages = Path(sys.prefix) / 'deepspeed'
    if not packages.is_dir():
        pytest.skip('DeepSpeed is installed by make setup, not in this stack')
    folder = tmp_path_factory.mktemp('deepspeed')
    ranks.train(folder / 'plain')
    done = subprocess.run(
        [sys.executable, '-m', 'tests.unit.sharding.deepspeed_run', folder],
        cwd=ROOT,
        timeout=600,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            'DS_ACCELERATOR': 'cpu',
            'OMP_NUM_THREADS': '1',
            'PYTHONPATH': f'{packages}{os.pathsep}{ROOT}',
        },
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope='module')
def results(folder):
    return [torch.load(folder / f'results{rank}.pth') for rank in (0, 1)]


def read(path):
    return torch.load(path, weights_only=False)


def whole(folder, backend, kind='resumed', epoch=ranks.EPOCHS):
    return read(folder / backend / kind / f'epoch_{epoch}.pth' / 'model.pth')


def parts(checkpoint):
    names = ('state_dict', 'ema_state_dict', 'switch_ema', 'training_state')
    return {name: checkpoint[name] for name in names}


def assert_near(found, expected, tolerance):
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        error = (found[key].double() - tensor.double()).abs().max()
        size = tensor.double().abs().max()
        assert error <= tolerance * size, (key, float(error / size))


@pytest.mark.slow
@pytest.mark.parametrize('backend', [*BACKENDS, *HALF])
def test_ends_like_one_process(folder, backend):
    expected = read(folder / 'plain' / f'epoch_{ranks.EPOCHS}.pth')
    found = whole(folder, backend)
    tolerance = 0.02 if backend in HALF else 1e-6
    for part in ('state_dict', 'ema_state_dict'):
        assert_near(found[part], expected[part], tolerance)
    assert found['switch_ema'] == dict(switches=2, nonfinite=0)
    assert found['meta']['iter'] == expected['meta']['iter']


@pytest.mark.slow
@pytest.mark.parametrize('backend', ALL)
def test_a_resume_changes_no_bit(folder, backend):
    straight = whole(folder, backend, 'straight')
    assert_same(parts(whole(folder, backend)), parts(straight))
    # A resume without the momentum would end elsewhere.
    loaded = whole(folder, backend, 'straight', epoch=STOP)
    assert_differ(loaded['ema_state_dict'], straight['ema_state_dict'])


@pytest.mark.slow
@pytest.mark.parametrize('backend', ALL)
def test_averages_and_switches_follow_the_formula(results, backend):
    for rank in results:
        assert rank[backend]['differences'] == []


@pytest.mark.slow
@pytest.mark.parametrize('backend', ALL)
def test_the_ranks_give_one_average(results, backend):
    first, second = (rank[backend]['average'] for rank in results)
    assert_same(dict(first), dict(second))
    # Half as many steps as iterations where gradients are accumulated.
    steps = 12 if backend == 'zero2_accumulated' else 24
    assert first['steps'] == steps


@pytest.mark.slow
@pytest.mark.parametrize('backend', BACKENDS)
def test_starts_from_a_file_of_one_process(folder, results, backend):
    expected = read(folder / 'plain' / f'epoch_{STOP}.pth')['state_dict']
    assert_same(results[0][backend]['loaded'], dict(expected))


@pytest.mark.slow
@pytest.mark.parametrize('backend', [*BACKENDS, 'zero3_bf16'])
def test_one_process_goes_on_from_a_folder(folder, tmp_path, backend):
    source = folder / backend / 'straight' / f'epoch_{STOP}.pth' / 'model.pth'
    shutil.copy(source, tmp_path / f'epoch_{STOP}.pth')
    name = tmp_path / f'epoch_{STOP}.pth'
    (tmp_path / 'last_checkpoint').write_text(str(name))
    runner = ranks.train(tmp_path, stop=STOP)
    average = find_hook(runner, SwitchEMAHook).average
    found = average.state_dict()
    for key, tensor in read(source)['state_dict'].items():
        assert torch.equal(found[f'module.{key}'], tensor.float()), key
    assert found['steps'] == 6 * STOP


@pytest.mark.slow
@pytest.mark.parametrize('backend', [*BACKENDS, *HALF])
def test_without_the_optimizer_it_is_a_file(folder, backend):
    straight = folder / backend / 'straight'
    [best] = straight.glob('best_*.pth')
    found = read(best)
    epoch = found['meta']['epoch']
    assert_same(
        dict(found['state_dict']),
        dict(whole(folder, backend, 'straight', epoch)['state_dict']),
    )


@pytest.mark.slow
def test_what_does_not_fit_is_refused(folder, results):
    said = results[0]['refused']
    assert 'start from these weights with load_from' in said['file']
    assert 'has no model.pth' in said['lacking']
    assert 'posix.mkdir' in said['unsafe']
    assert not (folder / 'evil').exists()


@pytest.mark.slow
@pytest.mark.parametrize('name', WRITTEN)
def test_weights_that_are_written_stay(results, name):
    found, weights = results[0][name]['found'], results[0][name]['weights']
    assert results[0][name]['steps'] == 1
    half = name.endswith('bf16')
    for key, tensor in weights.items():
        # Frozen parameters and buffers have no master.
        exact = not half or key.split('.')[0] in ('last', 'tied')
        expected = tensor if exact else tensor.to(found[0][key].dtype)
        assert torch.equal(found[0][key].float(), expected.float()), key
        if 'norm.running' not in key and 'batches' not in key:
            # Neither a step at lr=0 nor a switch changes them.
            assert torch.equal(found[0][key], found[1][key]), key
            assert torch.equal(found[0][key], found[2][key]), key
    ours, same = results[0][name]['outputs']
    assert torch.equal(ours, same)


@pytest.mark.slow
@pytest.mark.parametrize('name', WRITTEN)
def test_a_rank_averages_its_part_alone(results, name):
    sizes = [
        sum(torch.Size(shape).numel() for shape in rank[name]['parts'])
        for rank in results
    ]
    total = sum(
        tensor.numel()
        for key, tensor in results[0][name]['weights'].items()
        if key.split('.')[0] in ('first', 'last', 'norm')
        and key.split('.')[1] in ('weight', 'bias')
        and key != 'first.bias'
    )
    in_parts = name != 'written0'
    assert sum(sizes) == (total if in_parts else 2 * total)
    assert max(sizes) < total or not in_parts


@pytest.mark.slow
@pytest.mark.parametrize('name', WRITTEN)
def test_the_first_rank_alone_gathers_from_gpus(results, name):
    first, second = results
    assert first[name]['on_gpus'].keys() == first[name]['weights'].keys()
    assert (second[name]['on_gpus'] == {}) == (name != 'written0')


@pytest.mark.parametrize(
    'optimizer, word',
    [
        (SimpleNamespace(swap_optimizer=True), 'NVMe'),
        (SimpleNamespace(params_in_nvme_and_cpu=True), 'NVMe'),
        (SimpleNamespace(fp32_groups=[], step=None), 'stage=1'),
    ],
)
def test_masters_out_of_reach_are_refused(optimizer, word):
    with pytest.raises(RuntimeError, match=word):
        masters_of(optimizer)
