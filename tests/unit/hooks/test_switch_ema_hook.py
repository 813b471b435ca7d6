import re

import pytest
import torch

from sema_mm import SwitchEMAHook
from tests.helpers.toy import ToyMetric, build_runner, find_hook, loader

OURS = dict(type='sema_mm.SwitchEMAHook', momentum=0.2)


def test_scalars_reach_tensorboard(tmp_path):
    """Read back what mmengine's backend wrote to the disk."""
    accumulator = pytest.importorskip(
        'tensorboard.backend.event_processing.event_accumulator'
    )
    runner = build_runner(
        tmp_path,
        dict(OURS, warmup='linear', warmup_iters=10),
        visualizer=dict(
            type='Visualizer',
            name='scalars',
            save_dir=str(tmp_path),
            vis_backends=[dict(type='TensorboardVisBackend')],
        ),
    )
    runner.train()
    runner.visualizer.close()
    (events,) = tmp_path.rglob('events.out.tfevents.*')
    written = accumulator.EventAccumulator(str(events.parent))
    written.Reload()

    def series(name):
        return {e.step: e.value for e in written.Scalars(f'sema/{name}')}

    hook = find_hook(runner, SwitchEMAHook)
    assert series('updates') == {n: n for n in range(2, 19, 2)}
    for step, value in series('momentum').items():
        expected = hook.average.momentum_at(step - 1)
        assert value == pytest.approx(expected, rel=1e-6)
    assert series('switches') == {
        8: 1, 10: 1, 12: 1, 14: 2, 16: 2, 18: 2
    }  # fmt: skip
    distances = series('distance').values()
    assert 0 < min(distances) and max(distances) < 1


@pytest.mark.parametrize('averaged', [True, False])
def test_a_test_says_what_it_evaluates(tmp_path, capsys, averaged):
    build_runner(tmp_path / 'a', OURS if averaged else None).train()
    runner = build_runner(
        tmp_path / 'b',
        OURS,
        load_from=str(tmp_path / 'a' / 'epoch_3.pth'),
        test_dataloader=loader(size=12, shuffle=False),
        test_cfg=dict(),
        test_evaluator=dict(type=ToyMetric),
        log_level='INFO',
    )
    metrics = runner.test()
    said = re.findall('Testing (.*)', capsys.readouterr().out)
    assert said == [
        'the average of 18 updates in the checkpoint.'
        if averaged
        else 'the only set of weights in the checkpoint.'
    ]
    assert metrics['toy/score'] > 0


def test_a_test_after_training_uses_the_average(tmp_path):
    runner = build_runner(
        tmp_path,
        dict(OURS, switch_interval=None, evaluate_on_origin=True),
        test_dataloader=loader(size=12, shuffle=False),
        test_cfg=dict(),
        test_evaluator=dict(type=ToyMetric),
    )
    runner.train()
    weight = runner.model.conv.weight.detach().clone()
    validated = runner.val_loop.run()
    tested = runner.test()
    for key in ('toy/score', 'toy/score_origin'):
        assert tested[key] == pytest.approx(validated[key])
    assert tested['toy/score'] != tested['toy/score_origin']
    assert torch.equal(runner.model.conv.weight, weight)


def test_validation_before_averaging_begins(tmp_path):
    """save_best on the origin must find its metric from the start."""
    runner = build_runner(
        tmp_path,
        dict(OURS, begin_epoch=3, evaluate_on_origin=True),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook',
                save_best='toy/score_origin',
                rule='greater',
            )
        ),
    )
    runner.train()
    hook = find_hook(runner, SwitchEMAHook)
    assert hook.average.steps == 6 and hook.switches == 1


def test_iteration_based_runs_switch_and_validate(tmp_path):
    runner = build_runner(
        tmp_path,
        dict(OURS, by_epoch=False, switch_interval=5, switch_begin=3),
        iters=14,
    )
    runner.train()
    assert find_hook(runner, SwitchEMAHook).switches == 2
    switched = torch.load(tmp_path / 'iter_8.pth', weights_only=False)
    other = torch.load(tmp_path / 'iter_9.pth', weights_only=False)
    for state, equal in ((switched, True), (other, False)):
        average = state['state_dict']['conv.weight']
        own = state['ema_state_dict']['module.conv.weight']
        assert torch.equal(average, own) is equal


@pytest.mark.slow
def test_from_config_alone(tmp_path):
    """Nothing but a config: no import, no custom_imports."""
    import subprocess
    import sys

    config = tmp_path / 'config.py'
    config.write_text(
        "default_scope = 'mmengine'\n"
        'custom_hooks = ['
        "dict(type='sema_mm.SwitchEMAHook', momentum=0.2)]\n"
        "model = dict(type='tests.helpers.toy.ToyModel')\n"
        "data = dict(type='tests.helpers.toy.ToyData')\n"
        'train_dataloader = dict(dataset=data, batch_size=4, num_workers=0,'
        " sampler=dict(type='DefaultSampler', shuffle=True))\n"
        "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))\n"
        'train_cfg = dict(by_epoch=True, max_epochs=1)\n'
        f'work_dir = {str(tmp_path)!r}\n'
    )
    code = (
        'import sys; from mmengine.config import Config; '
        'from mmengine.runner import Runner; '
        'Runner.from_cfg(Config.fromfile(sys.argv[1])).train()'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, str(config)],
        capture_output=True,
        text=True,
    )
    assert 'Switch 1 after epoch 1' in done.stdout, done.stderr
