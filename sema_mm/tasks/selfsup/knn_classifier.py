"""The frozen features of a runner's model, with the bank, as a classifier."""

from typing import Any

import torch
from mmengine.dist import all_gather, get_world_size
from mmengine.runner import BaseLoop, Runner, autocast
from torch import Tensor
from torch.nn.functional import normalize

from ...averaging.arguments import check_count, check_flag, check_number
from ...sharding.model_tensors import unwrap_model
from .nearest_neighbours import nearest, vote

__all__ = ['KNNClassifier']


class KNNClassifier:
    """Classify images by the most similar images of a bank.

    Features are what the model returns in mode ``'tensor'``, of mmpretrain's
    models ``extract_feat``: of several outputs the last one, of a feature
    map (N, C, H, W) the mean over places, of tokens (N, L, C) the mean over
    tokens; then divided by their Euclidean norm.

    Args:
        runner (Runner): The runner, whose model is used as it is at each
            call.
        bank (DataLoader or dict): Loads the labelled images of the bank.
        k (int): Number of neighbours that vote.
        temperature (float): Weighs them by ``exp(cosine / temperature)``.
        fp16 (bool): Whether to use mixed precision. Defaults to False.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        runner: Runner,
        bank: Any,
        k: int,
        temperature: float,
        fp16: bool = False,
    ) -> None:
        check_count('k', k, 1)
        check_number('temperature', temperature)
        check_flag('fp16', fp16)
        if temperature <= 0:
            raise ValueError(f'temperature={temperature} must be above 0')
        self.runner = runner
        if isinstance(bank, dict):
            bank = runner.build_dataloader(bank, seed=runner.seed)
        self.loader = bank
        if k > len(bank.dataset):
            raise ValueError(
                f'k={k} must not exceed the {len(bank.dataset)} images of '
                'the bank'
            )
        self.k = k
        self.temperature = temperature
        self.fp16 = fp16
        self.clear()

    def clear(self) -> None:
        """Empty the bank, whose memory training then has."""
        self._features: Any = None
        self._labels: Any = None
        self._classes = 0

    @torch.no_grad()
    def fit(self) -> None:
        """Fill the bank with the features of the model as it is now.

        Call it on every rank: each reads its part of the images.
        """
        self.clear()
        found = [self._extract(batch) for batch in self.loader]
        features = torch.cat([features for features, _ in found])
        labels = torch.cat([_labels(samples) for _, samples in found])
        self._features = self._gather(features)
        self._labels = self._gather(labels.to(features.device))
        self._classes = int(self._labels.max()) + 1

    @torch.no_grad()
    def predict(self, batch: Any) -> list:
        """Classify a batch of images.

        Args:
            batch (dict): The batch, as its data loader gives it.

        Returns:
            list[DataSample]: The data samples of the batch, with
            ``pred_score`` of shape (classes, ) and ``pred_label``.
        """
        features, samples = self._extract(batch)
        cosines, rows = nearest(features, self._features, self.k)
        labels = self._labels[rows]
        scores = vote(cosines, labels, self._classes, self.temperature)
        for sample, score in zip(samples, scores):
            sample.set_pred_score(score)
            sample.set_pred_label(score.argmax())
        return samples

    def run_iter(
        self, loop: BaseLoop, mode: str, idx: int, batch: Any
    ) -> None:
        """Classify one batch of a loop; fit before the first one.

        The bank is emptied after the last one.

        Args:
            loop (BaseLoop): The loop.
            mode (str): What it calls its hooks by, 'val' or 'test'.
            idx (int): Number of the batch, from 0.
            batch (dict): The batch.
        """
        if idx == 0:
            self.fit()
        step = {'batch_idx': idx, 'data_batch': batch}
        self.runner.call_hook(f'before_{mode}_iter', **step)
        outputs = self.predict(batch)
        loop.evaluator.process(data_samples=outputs, data_batch=batch)
        self.runner.call_hook(f'after_{mode}_iter', **step, outputs=outputs)
        if idx + 1 == len(loop.dataloader):
            self.clear()

    def _extract(self, batch: Any) -> tuple[Tensor, list]:
        """Give the features and the data samples of a batch."""
        model = self.runner.model
        preprocess: Any = unwrap_model(model).data_preprocessor
        data = preprocess(batch, False)
        with autocast(enabled=self.fp16):
            outputs = model(**data, mode='tensor')
        return _pooled(outputs), data['data_samples']

    def _gather(self, tensor: Tensor) -> Tensor:
        """Collect the rows of all ranks, those that fill up left out."""
        if get_world_size() == 1:
            return tensor
        # The sampler deals the images out one by one, and fills up.
        rows = torch.stack(all_gather(tensor), dim=1).flatten(0, 1)
        return rows[: len(self.loader.dataset)]


def _pooled(outputs: Any) -> Tensor:
    """Make one vector of norm 1 of what a model gives for an image."""
    if isinstance(outputs, (list, tuple)) and outputs:
        outputs = outputs[-1]
    if not isinstance(outputs, Tensor) or outputs.dim() not in (2, 3, 4):
        kind = type(outputs).__name__
        shape = f' of shape {tuple(getattr(outputs, "shape", ()))}'
        raise TypeError(
            "nearest neighbours need a model that returns in mode 'tensor' "
            'features of shape (N, C), (N, L, C) or (N, C, H, W); got '
            f'{kind}{shape if isinstance(outputs, Tensor) else ""}'
        )
    features = outputs.float()
    if features.dim() == 4:
        features = features.flatten(2).mean(2)
    elif features.dim() == 3:
        features = features.mean(1)
    return normalize(features, dim=1)


def _labels(samples: list) -> Tensor:
    """Read the classes of a batch of the bank."""
    if not samples or any('gt_label' not in sample for sample in samples):
        raise ValueError(
            'the images of the bank have no gt_label: the bank must be a '
            'labelled data set, packed by PackInputs'
        )
    return torch.cat([sample.gt_label for sample in samples])
