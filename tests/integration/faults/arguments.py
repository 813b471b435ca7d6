"""Arguments of the hook, and of SwitchEMA."""

import functools
from dataclasses import replace

import torch
from torch import nn

from sema_mm import SwitchEMA, SwitchEMAHook
from tests.helpers.toy import build_runner
from tests.integration.faults.case import Case, Outcome, Place, raised
from tests.integration.test_wrong_input import ARGUMENTS, RUNS


def _spelled(arguments: dict) -> str:
    return ', '.join(f'{key}={value!r}' for key, value in arguments.items())


def _construct(arguments: dict, place: Place) -> Outcome:
    return raised(lambda: SwitchEMAHook(**arguments))


def _start(hook: dict, run: dict, place: Place) -> Outcome:
    hook = dict(type='sema_mm.SwitchEMAHook', momentum=0.2, **hook)
    runner = build_runner(place.work_dir, hook, **run)
    return raised(runner.train)


def _average(model, place: Place) -> Outcome:
    return raised(lambda: SwitchEMA(model))


def _load(change: dict, place: Place) -> Outcome:
    average = SwitchEMA(nn.Linear(2, 2))
    state = {**average.state_dict(), **change}
    outcome = raised(lambda: average.load_state_dict(state))
    # As torch's own, a headline and a line for each key.
    return replace(outcome, says=' '.join(outcome.says.split()))


def _update_while_swapped(place: Place) -> Outcome:
    model = nn.Linear(1, 1)
    average = SwitchEMA(model)
    with average.swapped(model):
        return raised(lambda: average.update_parameters(model))


HOOK = 'Arguments of SwitchEMAHook'
MODEL = 'The model, in a loop of your own'

CASES = [
    *(
        Case(
            HOOK,
            f'`{_spelled(arguments)}`',
            functools.partial(_construct, arguments),
            says=part,
            end=error.__name__,
            left='nothing is built',
        )
        for arguments, error, part in ARGUMENTS
    ),
    *(
        Case(
            HOOK,
            f'`{_spelled(hook) or "by_epoch=True"}` in a run of '
            + (f'{run["iters"]} iterations' if run else '3 epochs'),
            functools.partial(_start, hook, run),
            says=part,
            end='ValueError',
        )
        for hook, run, part in RUNS
    ),
    Case(
        MODEL,
        'A list in place of a model',
        functools.partial(_average, [nn.Linear(1, 1)]),
        says='model must be a torch.nn.Module',
        end='TypeError',
        left='nothing is built',
    ),
    Case(
        MODEL,
        'A lazy model that has seen no data',
        functools.partial(_average, nn.LazyLinear(2)),
        says="'weight' is lazy",
        end='ValueError',
        left='nothing is built',
    ),
    Case(
        MODEL,
        'An update while the model holds the average',
        _update_while_swapped,
        says='holds the average',
        end='RuntimeError',
        left='model and average as they were',
    ),
    Case(
        MODEL,
        'A state of another shape',
        functools.partial(_load, {'module.bias': torch.ones(3)}),
        says='has shape (3,)',
        end='RuntimeError',
        left='the average as it was',
    ),
]
