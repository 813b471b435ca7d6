"""Runners with which checkpoints would lack the average are refused."""

from types import SimpleNamespace

import pytest
from torch.distributed.fsdp import StateDictType

from sema_mm import FSDPStrategy
from sema_mm.hooks.hook_conflicts import check_sharded_saving, check_strategy


def test_a_runner_that_cannot_save_shards_is_refused():
    with pytest.raises(RuntimeError, match="runner_type='FlexibleRunner'"):
        check_sharded_saving(SimpleNamespace())


def test_a_strategy_that_loses_the_average_is_refused():
    kind = type('DeepSpeedStrategy', (), {})
    with pytest.raises(RuntimeError, match="'sema_mm.DeepSpeedStrategy'"):
        check_strategy(SimpleNamespace(strategy=kind()))


def test_checkpoints_of_parts_are_refused():
    strategy = SimpleNamespace(state_dict_type=StateDictType.LOCAL_STATE_DICT)
    runner = SimpleNamespace(strategy=strategy)
    with pytest.raises(RuntimeError, match="write state_dict_cfg='full'"):
        check_sharded_saving(runner)
    with pytest.raises(ValueError, match="write 'full', not 'local'"):
        FSDPStrategy(state_dict_cfg='local')
