"""Validation and test of frozen features by their nearest neighbours."""

from typing import Any

import torch
from mmengine.registry import LOOPS
from mmengine.runner import BaseLoop, Runner, TestLoop, ValLoop

from .knn_classifier import KNNClassifier

__all__ = ['KNNTestLoop', 'KNNValLoop']


class _KNNLoop(BaseLoop):
    """What both loops do; ``mode`` is the word in the names of their hooks."""

    mode: str

    def __init__(
        self,
        runner: Runner,
        dataloader: Any,
        evaluator: Any,
        bank: Any,
        k: int = 200,
        temperature: float = 0.07,
        fp16: bool = False,
    ) -> None:
        super().__init__(runner, dataloader, evaluator, fp16)
        self.classifier = KNNClassifier(runner, bank, k, temperature, fp16)

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Classify one batch; fill the bank before the first one.

        The hooks have put the weights to evaluate into the model by then.
        The bank is emptied after the last batch.

        Args:
            idx (int): Index of the batch, 0-based.
            data_batch (dict): The batch.
        """
        self.classifier.run_iter(self, self.mode, idx, data_batch)


@LOOPS.register_module()
class KNNValLoop(_KNNLoop, ValLoop):
    """Validate a model without a head by its nearest neighbours.

    Any model that gives features in mode ``'tensor'`` becomes a classifier:
    an image gets the classes of the most similar images of a bank, weighted
    by ``exp(cosine / temperature)``. The data samples get predictions as from
    a classifier, so that mmpretrain's ``Accuracy`` and ``save_best`` work.
    The weights evaluated are those in the model: the average, with
    ``SwitchEMAHook``. Each validation fills the bank anew.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader or dict): Loads the images to classify.
        evaluator (Evaluator or dict or list): The metrics.
        bank (DataLoader or dict): Loads the labelled images to compare with,
            usually those of the training, without augmentation.
        k (int): Number of neighbours that vote. Defaults to 200.
        temperature (float): The smaller, the more the nearest ones count.
            Defaults to 0.07.
        fp16 (bool): Whether to use mixed precision. Defaults to False.

    Examples:
        >>> val_cfg = dict(
        ...     type='sema_mm.tasks.selfsup.KNNValLoop', bank=bank, k=200
        ... )
        >>> val_evaluator = dict(type='Accuracy', topk=(1, 5), prefix='knn')
    """

    mode = 'val'


@LOOPS.register_module()
class KNNTestLoop(_KNNLoop, TestLoop):
    """Test a model without a head, as :class:`KNNValLoop` validates it."""

    mode = 'test'
