"""A validation before the first epoch."""

import pytest
from mmengine.hooks import Hook

from tests.helpers.exact import assert_same, frozen
from tests.helpers.toy import build_runner, find_hook

FIRST = dict(type='sema_mm.FirstValidationHook')
EMA = dict(type='sema_mm.SwitchEMAHook', momentum=0.3)


class Epochs(Hook):
    """Notes the epochs after which there was a validation."""

    def __init__(self):
        self.seen = []

    def after_val_epoch(self, runner, metrics=None):
        self.seen.append((runner.epoch, metrics['toy/score']))


def train(work_dir, hooks, **changes):
    runner = build_runner(work_dir, [*hooks, Epochs()], **changes)
    runner.train()
    return runner


@pytest.mark.parametrize('others', [[], [EMA]], ids=['alone', 'average'])
def test_epoch_0_is_validated_and_changes_nothing(others, tmp_path):
    plain = train(tmp_path / 'plain', others)
    first = train(tmp_path / 'first', [FIRST, *others])
    ours, theirs = (find_hook(r, Epochs).seen for r in (first, plain))
    assert [epoch for epoch, _ in ours] == [0, 1, 2, 3]
    assert ours[1:] == theirs
    assert ours[0][1] != ours[1][1]
    assert_same(
        frozen(first.model.state_dict()), frozen(plain.model.state_dict())
    )


def test_a_resumed_run_does_not_begin_again(tmp_path):
    train(tmp_path, [FIRST], epochs=2)
    resumed = train(tmp_path, [FIRST], epochs=3, resume=True)
    assert [epoch for epoch, _ in find_hook(resumed, Epochs).seen] == [3]


def test_a_run_without_validation_is_refused(tmp_path):
    nothing = dict(val_dataloader=None, val_cfg=None, val_evaluator=None)
    with pytest.raises(ValueError, match='needs a validation: give val_'):
        build_runner(tmp_path, [FIRST], **nothing).train()
