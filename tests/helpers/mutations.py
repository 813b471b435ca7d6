"""Shows that the tests of the contract can fail.

Takes one line of the implementation out, or turns it round, in a copy of
the project, runs the tests of the promise that the line keeps, and expects
them to fail. Run from the top of the project, some minutes:

    python -m tests.helpers.mutations [NUMBER ...]
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOOK = 'hooks/switch_ema_hook.py'
EMA = 'averaging/switch_ema.py'
TENSORS = 'sharding/model_tensors.py'

# Promise, file, what stands there, what to put there.
MUTATIONS = [
    ('01', 'hooks/step_watcher.py', 'if stepped and begun', 'if begun'),
    ('01_gradients', HOOK, 'self.switches += 1', (
        'self.switches += 1; runner.optim_wrapper.zero_grad()'
    )),
    ('02', 'hooks/step_watcher.py', "'found_inf', None", "'no_flag', None"),
    ('02_several', 'hooks/step_watcher.py', (
        'yield from _optimizers(inner)'
    ), 'pass'),
    ('03', 'averaging/tensor_group.py', '    dtype = torch.float32', (
        '    pass'
    )),
    ('03_the_average_of_low_precision_weights_surv', (
        'averaging/checkpoint_format.py'
    ), 'average, own = average.detach().cpu(), own.detach().cpu()', (
        'average, own = average.to(own).detach(), own.detach()'
    )),
    ('04', TENSORS, 'model.named_parameters()', (
        'model.named_parameters(remove_duplicate=False)'
    )),
    ('05', TENSORS, (
        "name.rpartition('.')[2] in STATISTICS and buffer.is_floating_point()"
    ), 'True'),
    ('06_copy', EMA, 'if not self.options.update_buffers:\n            a', (
        'if False:\n            a'
    )),
    ('06_average', EMA, 'if not self.options.update_buffers:\n            a', (
        'if True:\n            a'
    )),
    ('06_recalibrate', 'hooks/evaluation.py', (
        'average.set_statistics(statistics)'
    ), 'pass'),
    ('06_looking', 'checkpointing/random_state.py', (
        'torch.set_rng_state(state[\'torch\'].cpu())'
    ), 'pass'),
    ('06_looking', HOOK, 'check_count(\'begin_iter\', begin_iter, 0)', (
        'torch.rand(1)'
    )),
    ('07', TENSORS, "name.rpartition('.')[2] in STATISTICS", 'True'),
    ('08_only', TENSORS, (
        'if not (parameter.requires_grad or bare_name(name) in known):'
    ), 'if False:'),
    ('08_parameters', 'averaging/model_watch.py', (
        'or any(map(_REQUIRES_GRAD, self._frozen))'
    ), ''),
    ('09_the', 'hooks/step_watcher.py', (
        'lambda weights: self._judge(weights, no_step)'
    ), 'None'),
    ('09_a_save', 'averaging/checkpoint_format.py', (
        'if not own.isfinite().all():'
    ), 'if False:'),
    ('09_training', 'averaging/nonfinite_guard.py', (
        'if self.in_a_row >= self.limit:'
    ), 'if False:'),
    ('09_gate', 'averaging/functional.py', (
        '(skip is not None and skip.is_cpu and skip)'
    ), 'False'),
    ('10_an', 'hooks/switch_hook.py', (
        'mmengine_patches.close_after_run(runner._val_loop, self._swap)'
    ), 'pass'),
    ('10_swapped', EMA, 'group.swap_out()', 'pass'),
    ('11', 'averaging/checkpoint_format.py', (
        'if bit_equal(average.to(own.dtype), own):'
    ), 'if False:'),
    ('13_load', 'hooks/loaded_checkpoint.py', (
        'if not (resumed or self._resume):'
    ), 'if False:'),
    ('13_another', 'hooks/loaded_checkpoint.py', (
        "_report(lacking, strict, 'starts from')"
    ), 'pass'),
    ('14', 'hooks/loaded_checkpoint.py', (
        "checkpoint['state_dict'] = training"
    ), 'average.load_state_dict(self._average)'),
    ('15_compiled', TENSORS, "_MARKS.sub('', name)", 'name'),
    ('15_nothing', EMA, 'check_match(found, averages)', 'pass'),
    ('18', 'averaging/tensor_group.py', (
        'copy_(self.values, self.averages)'
    ), '[setattr(v, "data", a.to(v).clone()) for v, a in '
     'zip(self.values, self.averages)]'),
    ('19', 'hooks/hook_conflicts.py', (
        'if isinstance(other, (EMAHook, type(hook))):'
    ), 'if False:'),
    ('20', HOOK, 'check_names(type(self), options)', (
        '[options.pop(k) for k in list(options)]'
    )),
    ('21_a_schedule', 'averaging/switch_plan.py', (
        'if schedule.interval is not None and not units:'
    ), 'if False:'),
    ('21_epochs', 'averaging/switch_plan.py', (
        'if by_epoch and schedule.interval is not None:'
    ), 'if False:'),
    ('21_the_plan', HOOK, 'self._announce(runner, plan)', 'pass'),
    ('22', 'averaging/switch_plan.py', (
        'if not self.units or window <= self.steps:'
    ), 'if True:'),
    ('23', 'averaging/momentum.py', 'if 0.5 < momentum < 1:', 'if False:'),
    ('24_metrics', HOOK, 'keep_origin=self.evaluate_on_origin', (
        'keep_origin=False'
    )),
    ('24_the_origin', HOOK, (
        'return self.average.origin(runner.model)'
    ), 'return self.average.swapped(runner.model)'),
]  # fmt: skip


def survives(row, name, old, new):
    """Tell whether the tests of a promise pass in spite of a mutation."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ('sema_mm', 'tests', 'pyproject.toml'):
            source = ROOT / part
            (shutil.copytree if source.is_dir() else shutil.copy)(
                source, copy / part
            )
        path = copy / 'sema_mm' / name
        text = path.read_text()
        path.write_text(text.replace(old, new))
        command = [sys.executable, '-m', 'pytest', '-q', '-x', '-k']
        command += [f'test_{row}', 'tests/integration/test_contract.py']
        done = subprocess.run(command, cwd=copy, capture_output=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stdout.decode())
        return done.returncode == 0


def main():
    """Try every mutation, or those of the promises named."""
    wanted = tuple(sys.argv[1:]) or ('',)
    chosen = [m for m in MUTATIONS if m[0].startswith(wanted)]
    survivors = 0
    for row, name, old, new in chosen:
        alive = survives(row, name, old, new)
        survivors += alive
        print(f'{row:<14.14} {"SURVIVES" if alive else "caught":<9} {name}: '
              f'{old.splitlines()[0]!r}', flush=True)  # fmt: skip
    print(f'{len(chosen) - survivors} of {len(chosen)} mutations caught')
    return survivors > 0


if __name__ == '__main__':
    sys.exit(main())
