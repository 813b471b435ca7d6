"""Where the time of one iteration's averaging goes."""

import cProfile
import io
import pstats

from torch.profiler import ProfilerActivity, profile

from .runners import Stand

__all__ = ['profile_hook']


def profile_hook(stand: Stand, cuda: bool, iterations: int = 20) -> str:
    """Profile what our hook does in an iteration.

    Args:
        stand (Stand): A started runner with our hook.
        cuda (bool): Whether the model is on a GPU.
        iterations (int): How many are profiled for the Python part.
            Defaults to 20.

    Returns:
        str: The operators of one iteration, as torch's profiler sees them;
        then the Python functions of several, as cProfile does.
    """
    for _ in range(3):
        stand.step_and_average()
    stand.step()
    activities = [ProfilerActivity.CPU]
    if cuda:
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities, profile_memory=True) as operators:
        stand.average()
    averages = operators.key_averages()
    order = 'self_cuda_time_total' if cuda else 'self_cpu_time_total'
    table = averages.table(sort_by=order, row_limit=20)
    python = cProfile.Profile()
    for _ in range(iterations):
        stand.step()
        python.enable()
        stand.average()
        python.disable()
    text = io.StringIO()
    stats = pstats.Stats(python, stream=text).strip_dirs()
    stats.sort_stats('tottime').print_stats(20)
    return (
        f'One iteration, operators\n\n{table}\n'
        f'{iterations} iterations, Python functions (the profiler makes '
        f'calls slower than they are)\n{text.getvalue()}'
    )
