"""A picture of scenes: what is in them above what a model finds there."""

from pathlib import Path
from typing import Any

import mmcv
import numpy as np
from mmdet.apis import inference_detector, init_detector
from mmdet.utils import register_all_modules
from mmengine.config import Config
from mmengine.registry import DATASETS
from mmengine.runner import find_latest_checkpoint

from research.common.figures import plt, save
from sema_mm import mmengine_patches

#: Scenes in the picture, the first ones of the dataset.
SCENES = 8
#: Least score of a prediction that is drawn.
SCORE = 0.3


def predict(config: Path, folder: Path) -> list[tuple[Any, Any]]:
    """Apply the last checkpoint of a run to validation scenes.

    Returns:
        list: Two data samples for each scene: what is in it, and what the
        model finds.
    """
    mmengine_patches.install()
    register_all_modules()
    cfg = Config.fromfile(config)
    checkpoint = find_latest_checkpoint(str(folder))
    model = init_detector(cfg.copy(), checkpoint, device='cpu')
    dataset_cfg = cfg.val_dataloader.dataset
    for step in dataset_cfg.pipeline:
        if step.type == 'LoadAnnotations':
            step.with_mask = True
    dataset = DATASETS.build(dataset_cfg)
    truths = [dataset[index]['data_samples'] for index in range(SCENES)]
    paths = [truth.img_path for truth in truths]
    return list(zip(truths, inference_detector(model, paths)))


def draw(scenes: list[tuple[Any, Any]], path: Path) -> None:
    """Draw the scenes, what is in them above what was found.

    Args:
        scenes (list): What :func:`predict` returns.
        path (Path): The file, whose suffix says its format.
    """
    figure, axes = plt.subplots(
        2, len(scenes), figsize=(2.4 * len(scenes), 5), layout='constrained'
    )
    for (above, below), (truth, found) in zip(axes.T, scenes):
        image = mmcv.imread(truth.img_path, channel_order='rgb')
        inside = truth.gt_instances
        boxes, masks = inside.bboxes.tensor, inside.masks.to_ndarray()
        names = [str(label) for label in inside.labels.tolist()]
        draw_scene(above, image, boxes.numpy(), masks, names)
        good = found.pred_instances
        good = good[good.scores >= SCORE]
        names = [
            f'{label} {score:.2f}'
            for label, score in zip(good.labels.tolist(), good.scores.tolist())
        ]
        boxes, masks = good.bboxes.numpy(), good.masks.numpy()
        draw_scene(below, image, boxes, masks, names)
    axes[0, 0].set_ylabel('in the scene')
    axes[1, 0].set_ylabel(f'found, score {SCORE:g} and more')
    save(figure, path, dpi=100)


def draw_scene(
    axis: Any,
    image: np.ndarray,
    boxes: np.ndarray,
    masks: np.ndarray,
    names: list[str],
) -> None:
    """Draw one scene with boxes and masks in the colours of the classes.

    Args:
        axis (Axes): Where to draw.
        image (np.ndarray): The scene, RGB.
        boxes (np.ndarray): Left, top, right, bottom; shape ``(N, 4)``.
        masks (np.ndarray): Masks of the boxes, shape ``(N, H, W)``.
        names (list[str]): What is written at each, the class first.
    """
    axis.imshow(image)
    axis.set(xticks=[], yticks=[])
    for box, mask, name in zip(boxes - 0.5, masks, names):
        color = plt.get_cmap('tab10')(int(name[0]))[:3]
        layer = np.zeros((*mask.shape, 4))
        layer[mask.astype(bool)] = (*color, 0.5)
        axis.imshow(layer)
        left, top, right, bottom = box
        size = (right - left, bottom - top)
        frame = plt.Rectangle((left, top), *size, fill=False, color=color)
        axis.add_patch(frame)
        axis.annotate(
            name,
            (left, top),
            fontsize=7,
            va='bottom',
            color='w',
            bbox={'facecolor': color, 'pad': 1, 'edgecolor': 'none'},
        )
