"""The test of frozen features by their nearest neighbours."""

from typing import Any

import torch
from mmengine.registry import LOOPS
from mmengine.runner import TestLoop

from .knn_classifier import KNNClassifier

__all__ = ['KNNTestLoop']


@LOOPS.register_module()
class KNNTestLoop(TestLoop):
    """Test a model without a head by its nearest neighbours.

    :class:`KNNValLoop` says how.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader or dict): Loads the images to classify.
        evaluator (Evaluator or dict or list): The metrics.
        bank (DataLoader or dict): Loads the labelled images to compare with.
        k (int): Number of neighbours that vote. Defaults to 200.
        temperature (float): The smaller, the more the nearest ones count.
            Defaults to 0.07.
        fp16 (bool): Whether to use mixed precision. Defaults to False.
    """

    def __init__(
        self,
        runner: Any,
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
        """Classify one batch; fill the bank first, and empty it at last.

        The hooks have put the weights to evaluate into the model by then.

        Args:
            idx (int): Number of the batch, from 0.
            data_batch (dict): The batch.
        """
        self.classifier.run_iter(self, 'test', idx, data_batch)
