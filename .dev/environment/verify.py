"""Show that the environment works; run by its own interpreter."""

import os
import sys

import cv2  # noqa: F401
import mmdet  # noqa: F401
import mmengine  # noqa: F401
import mmpretrain  # noqa: F401
import torch
from mmcv.ops import nms

import sema_mm  # noqa: F401


def main() -> None:
    """Suppress one of three boxes with the compiled operator of mmcv."""
    on_purpose = os.environ.get('SEMA_MM_CPU_ONLY') == '1'
    if sys.argv[1] == 'cpu' and torch.cuda.is_available() and not on_purpose:
        sys.exit(
            'error: torch sees a GPU that nvidia-smi does not show: repair '
            'nvidia-smi, or set SEMA_MM_CPU_ONLY=1 to do without the GPU'
        )
    device = 'cpu' if sys.argv[1] == 'cpu' else 'cuda'
    boxes = [[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]]
    scores = torch.tensor([0.9, 0.8, 0.7], device=device)
    _, kept = nms(torch.tensor(boxes, device=device), scores, 0.5)
    if kept.tolist() != [0, 2]:
        sys.exit(f'error: mmcv.ops.nms kept the boxes {kept.tolist()}')


if __name__ == '__main__':
    main()
