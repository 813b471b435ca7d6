"""Batch normalisation over all ranks, on a CPU."""

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.nn.functional import all_reduce


class SyncBatchNorm(nn.BatchNorm2d):
    """As torch's, which needs a GPU; the same sums with one process."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        count = x.numel() / x.shape[1]
        sums = torch.stack([x.sum((0, 2, 3)), (x * x).sum((0, 2, 3))])
        if dist.is_initialized():
            count *= dist.get_world_size()
            sums = all_reduce(sums)
        mean = sums[0] / count
        var = sums[1] / count - mean * mean
        with torch.no_grad():
            unbiased = var * count / (count - 1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
            self.num_batches_tracked += 1
        shape = (1, -1, 1, 1)
        y = (x - mean.view(shape)) * (var + self.eps).rsqrt().view(shape)
        return y * self.weight.view(shape) + self.bias.view(shape)
