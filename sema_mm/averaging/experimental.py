"""Names the code for GPUs that was not run on a GPU yet."""

from .switch_ema import SwitchEMA

__all__ = ['experimental_parts']


def experimental_parts(average: SwitchEMA) -> list[str]:
    """Return what is experimental of the code that an average uses."""
    averages = average.average_now()
    pairs = [(averages[n], value) for n, value in average.tensors().items()]
    parts = []
    if average.overlaps:
        parts.append('side_stream=True')
    if any(mean.device != value.device for mean, value in pairs):
        parts.append(f"device='{average.options.device}'")
    if any(mean.is_cuda and value.is_cuda for mean, value in pairs):
        parts.append('the update that is skipped on the GPU (gated_lerp_)')
    return parts
