"""Trainings with DeepSpeed in two ranks; a program of its own.

DeepSpeed is not installed where the other tests run: mmengine imports it
wherever it is, which more than doubles the time of ``import mmengine``.
"""

import contextlib
import functools
import gc
import multiprocessing
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import deepspeed
import torch
import torch.distributed as dist
from mmengine._strategy import deepspeed as of_mmengine
from mmengine.hooks import Hook

from sema_mm import SwitchEMA, SwitchEMAHook
from sema_mm.averaging.checkpoint_format import average_state_dict
from tests.helpers.exact import frozen
from tests.helpers.toy import find_hook
from tests.unit.sharding import ranks

MOMENTUM = 0.3  # That of the runs in ranks.py, which switch every 2 epochs.
STOP = 3  # After an epoch without a switch.


def zero(stage, persistent=0, **config):
    """Arguments of a runner."""
    config.update(zero_allow_untested_optimizer=True)  # SGD
    sizes = dict(stage=stage)
    if persistent:
        sizes['stage3_param_persistence_threshold'] = persistent
    return dict(
        strategy=dict(
            type='sema_mm.DeepSpeedStrategy',
            config=config,
            zero_optimization=sizes,
            train_micro_batch_size_per_gpu=2,
            inputs_to_half=['inputs'],
        ),
        optim_wrapper=dict(
            type='DeepSpeedOptimWrapper',
            optimizer=dict(type='SGD', lr=0.1, momentum=0.9),
        ),
    )


BF16 = dict(enabled=True)
BACKENDS = {
    **{f'zero{stage}': zero(stage) for stage in range(3)},
    # Each rank keeps one parameter whole: the bias of the head.
    'zero3': zero(3, persistent=2),
    **{f'zero{stage}_bf16': zero(stage, bf16=BF16) for stage in (0, 2, 3)},
    'zero2_accumulated': zero(2, gradient_accumulation_steps=2),
}


class Recorder(Hook):
    """Averages whole weights by the formula, and notes what differs."""

    priority = 'LOW'

    def __init__(self):
        self.expected = None
        self.steps = 0
        self.differences = []

    def before_train(self, runner):
        average = find_hook(runner, SwitchEMAHook).average
        self.steps = average.steps
        self.expected = frozen(average_state_dict(average))

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ):
        average = find_hook(runner, SwitchEMAHook).average
        if average.steps == self.steps:
            return
        weight = MOMENTUM if self.steps else 1.0
        self.steps = average.steps
        weights = average.backend.state_dict()
        for name in average.average_now():
            self.expected[name].lerp_(weights[name], weight)
        self._compare('average', average_state_dict(average))

    def after_train_epoch(self, runner):
        if (runner.epoch + 1) % 2:
            return
        average = find_hook(runner, SwitchEMAHook).average
        weights = average.backend.state_dict()
        self._compare('weights after a switch', weights)
        found = {}
        for name, parameter in average.model.named_parameters():
            with deepspeed.zero.GatheredParameters(parameter):
                found[name] = parameter.detach().clone()
        followed = {k: weights[k].to(p.dtype) for k, p in found.items()}
        self._compare('parameters after a switch', found, followed)

    def _compare(self, place, found, expected=None):
        self.differences += [
            f'{place}: {name}'
            for name, tensor in (expected or self.expected).items()
            if not any(word in name for word in ('running', 'batches'))
            and not torch.equal(tensor, found[name])
        ]


def train(folder, backend, stop=None, **changes):
    """Train, and tell in which places averages were not as they should."""
    recorder = Recorder()
    runner = ranks.build(folder, backend, stop)
    for name, value in changes.items():
        setattr(runner, name, value)
    runner.register_hook(recorder)
    with contextlib.suppress(ranks.Stop):
        runner.train()
    return runner, recorder.differences


def run(folder, backend):
    """Train straight, with a resume, and from a file without DeepSpeed."""
    _, first = train(f'{folder}/straight', backend)
    _, second = train(f'{folder}/resumed', backend, stop=STOP)
    runner, third = train(f'{folder}/resumed', backend)
    average = find_hook(runner, SwitchEMAHook).average
    plain = f'{Path(folder).parent}/plain/epoch_{STOP}.pth'
    started, _ = train(f'{folder}/loaded', backend, stop=0, _load_from=plain)
    model = find_hook(started, SwitchEMAHook).average.backend
    return {
        'differences': first + second + third,
        'average': average.state_dict(),
        'loaded': model.state_dict(),
    }


def refused(folder):
    """Tell what is said where a checkpoint does not fit."""
    whole = f'{folder}/zero1/straight/epoch_1.pth'
    lacking = f'{folder}/lacking.pth'
    unsafe = f'{folder}/unsafe.pth'
    if dist.get_rank() == 0:
        shutil.copytree(whole, lacking)
        os.remove(f'{lacking}/model.pth')
        shutil.copytree(whole, unsafe)
        state = torch.load(f'{whole}/{STATES}', weights_only=False)
        state['meta'] = Evil(f'{folder}/evil')
        torch.save(state, f'{unsafe}/{STATES}')
    dist.barrier()
    file = f'{folder}/plain/epoch_1.pth'
    cases = {'file': (file, True), 'unsafe': (unsafe, True)}
    cases['lacking'] = (lacking, False)
    said = {}
    for name, (path, resume) in cases.items():
        try:
            place = f'{folder}/refused_{name}'
            train(place, 'zero1', _load_from=path, _resume=resume)
        except ValueError as error:
            said[name] = str(error)
    return said


STATES = 'mp_rank_00_model_states.pt'


class Evil:
    """Makes a file when it is read with pickle."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


class Net(torch.nn.Module):
    """Odd sizes, a frozen parameter and a tied one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Linear(5, 7)
        self.last = torch.nn.Linear(7, 3)
        self.tied = self.last
        self.norm = torch.nn.BatchNorm1d(7)
        self.first.bias.requires_grad_(False)

    def forward(self, x):
        return self.tied(self.norm(self.first(x)).relu())


def written(stage, bf16):
    """Write whole weights into a backend, and see what it does with them.

    Returns:
        dict: The weights written, those read before and after a step that
        changes none, the output of the model with them, and that of the
        same model without DeepSpeed; the shapes of the averages; and what
        is read where the weights are not on the CPU.
    """
    model = Net()
    config = dict(zero_optimization=dict(stage=stage))
    config['zero_optimization']['stage3_param_persistence_threshold'] = 3
    config['train_micro_batch_size_per_gpu'] = 4
    config['zero_allow_untested_optimizer'] = True
    config['bf16'] = dict(enabled=bf16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    outer, *_ = deepspeed.initialize(
        model=model, optimizer=optimizer, config=config
    )
    average = SwitchEMA(outer, momentum=0.5)
    backend = average.backend
    torch.manual_seed(1)
    shapes = backend.shapes()
    weights = {k: torch.randn(s).abs() for k, s in shapes.items()}
    for key in ('weight', 'bias'):
        weights[f'tied.{key}'] = weights[f'last.{key}']
    weights['norm.num_batches_tracked'] = torch.tensor(5)
    backend.load_state_dict(weights)
    found = [frozen(backend.state_dict())]
    x = torch.randn(4, 5)
    x = x.bfloat16() if bf16 else x
    same = Net().to(x.dtype).eval()
    same.load_state_dict(weights)
    outer.eval()
    outputs = outer(x).detach(), same(x).detach()
    outer.train()
    outer.backward(outer(x).float().square().mean())
    outer.step()
    average.update_parameters(outer)
    found.append(frozen(backend.state_dict()))
    average.switch_parameters(outer)
    found.append(frozen(backend.state_dict()))
    backend._engine = SimpleNamespace(device=torch.device('cuda'))
    on_gpus = backend.state_dict()
    backend._engine = outer
    parts = [tuple(t.shape) for t in average.average_now().values()]
    return dict(
        weights=weights,
        found=found,
        outputs=outputs,
        parts=parts,
        on_gpus=on_gpus,
        steps=backend.step_count(),
    )


def worker(rank, folder):
    ranks.join(rank, folder)
    os.environ.update(RANK=str(rank), WORLD_SIZE='2')
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT='0')
    results = {}
    for stage in range(4):
        for bf16 in (False, True):
            name = f'written{stage}{"_bf16" if bf16 else ""}'
            results[name] = written(stage, bf16)
    for backend in BACKENDS:
        results[backend] = run(f'{folder}/{backend}', backend)
    results['refused'] = refused(folder)
    torch.save(results, f'{folder}/results{rank}.pth')
    dist.destroy_process_group()


def main(folder):
    # It would compile this, and never call it here.
    deepspeed.ops.__compatible_ops__['deepspeed_shm_comm'] = False
    # mmengine's strategy can be built only once in a process.
    of_mmengine.register_deepspeed_optimizers = functools.cache(
        of_mmengine.register_deepspeed_optimizers
    )
    ranks.BACKENDS.update(BACKENDS)
    # DeepSpeed collects garbage again and again.
    gc.freeze()
    context = multiprocessing.get_context('fork')
    processes = [
        context.Process(target=worker, args=(rank, folder)) for rank in (0, 1)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(any(process.exitcode for process in processes))


if __name__ == '__main__':
    main(sys.argv[1])
