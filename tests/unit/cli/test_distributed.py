"""What a process knows of the others before they are joined."""

import pytest

from sema_mm.cli.distributed import rank_and_world_size


@pytest.mark.parametrize(
    ('launcher', 'variables', 'expected'),
    [
        ('none', dict(RANK='3', WORLD_SIZE='8'), (0, 1)),
        ('pytorch', dict(RANK='3', WORLD_SIZE='8'), (3, 8)),
        ('slurm', dict(SLURM_PROCID='1', SLURM_NTASKS='2'), (1, 2)),
        ('pytorch', {}, (0, 1)),
    ],
)
def test_rank_and_world_size(monkeypatch, launcher, variables, expected):
    for name in ('RANK', 'WORLD_SIZE'):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert rank_and_world_size(launcher) == expected
