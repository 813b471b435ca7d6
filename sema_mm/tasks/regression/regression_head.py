"""A head that predicts one number."""

from typing import Optional

import torch
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

__all__ = ['RegressionHead']


@MODELS.register_module()
class RegressionHead(BaseModule):
    """Linear regression of one number, for mmpretrain's ``ImageClassifier``.

    The prediction is ``mean + std * fc(x)``. As in mmpretrain, the neck pools
    the features, or the backbone itself.

    Args:
        in_channels (int): Channels of the pooled features.
        loss (dict, optional): Any loss of a prediction and a target, both of
            shape ``(N, )``: ``torch.nn.L1Loss``, ``torch.nn.MSELoss``,
            ``torch.nn.SmoothL1Loss``. Defaults to
            ``dict(type='torch.nn.L1Loss')``.
        mean (float): Prediction of an untrained model, in the unit of the
            targets; their mean or median is a good one. Defaults to 0.
        std (float): What the layer's output of 1 stands for, in the unit of
            the targets; their standard deviation makes learning rates fit
            that are usual for outputs around 1. Defaults to 1.
        init_cfg (dict, optional): Initialization of the layer. Defaults to a
            normal distribution with standard deviation 0.01, as mmpretrain's
            ``LinearClsHead``.

    Raises:
        ValueError: If ``std`` is not above 0.
    """

    def __init__(
        self,
        in_channels: int,
        loss: Optional[dict] = None,
        mean: float = 0.0,
        std: float = 1.0,
        init_cfg: Optional[dict] = None,
    ) -> None:
        if not std > 0:
            raise ValueError(f'std={std} must be above 0')
        super().__init__(
            init_cfg or dict(type='Normal', layer='Linear', std=0.01)
        )
        self.loss_module = MODELS.build(loss or dict(type='torch.nn.L1Loss'))
        self.mean = mean
        self.std = std
        self.fc = nn.Linear(in_channels, 1)

    def pre_logits(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Take the features of the last stage.

        Args:
            feats (tuple[Tensor]): Pooled features of each stage, each of
                shape ``(N, C)``.

        Returns:
            Tensor: The last of them.

        Raises:
            ValueError: If they are not pooled.
        """
        last = feats[-1]
        if last.ndim != 2:
            raise ValueError(
                'RegressionHead needs pooled features of shape (N, C), but '
                f'got {tuple(last.shape)}: give the model '
                "neck=dict(type='GlobalAveragePooling')"
            )
        return last

    def forward(self, feats: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Predict one number for each image.

        Args:
            feats (tuple[Tensor]): As for :meth:`pre_logits`.

        Returns:
            Tensor: The predictions in the unit of the targets, float32 of
            shape ``(N, )``.
        """
        x = self.pre_logits(feats)
        # In half precision, ages and angles would lose their last digits.
        with torch.autocast(x.device.type, enabled=False):
            output = self.fc(x.to(self.fc.weight.dtype)).flatten()
        return self.mean + self.std * output.float()

    def loss(
        self, feats: tuple[torch.Tensor, ...], data_samples: list[DataSample]
    ) -> dict[str, torch.Tensor]:
        """Compare the predictions with the targets.

        Args:
            feats (tuple[Tensor]): As for :meth:`pre_logits`.
            data_samples (list[DataSample]): Samples whose ``gt_score``, of
                shape ``(1, )``, is the target.

        Returns:
            dict[str, Tensor]: The loss, under ``'loss'``.

        Raises:
            ValueError: If the samples have no ``gt_score``.
        """
        if 'gt_score' not in data_samples[0]:
            raise ValueError(
                'RegressionHead reads its targets from gt_score, which the '
                'samples lack: let the dataset put them there, as an array '
                'of one number each'
            )
        prediction = self(feats)
        target = torch.cat([sample.gt_score for sample in data_samples])
        return {'loss': self.loss_module(prediction, target.to(prediction))}

    def predict(
        self,
        feats: tuple[torch.Tensor, ...],
        data_samples: Optional[list[DataSample]] = None,
    ) -> list[DataSample]:
        """Write the predictions into samples.

        Args:
            feats (tuple[Tensor]): As for :meth:`pre_logits`.
            data_samples (list[DataSample], optional): Where to write them.
                Defaults to None, which makes new ones.

        Returns:
            list[DataSample]: The samples, each with its prediction as
            ``pred_score`` of shape ``(1, )``.
        """
        predictions = self(feats).detach()
        samples = data_samples or [DataSample() for _ in predictions]
        for sample, prediction in zip(samples, predictions):
            sample.set_pred_score(prediction[None])
        return samples
