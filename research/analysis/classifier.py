"""From a config and a checkpoint to a classifier and its samples."""

import argparse
import copy
import json
import math
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch import Tensor, nn

from research.common.rows import write_rows
from sema_mm import mmengine_patches
from sema_mm.checkpointing.safe_loading import (
    load_from_local,
)
from sema_mm.cli.chosen_weights import ChosenWeights
from sema_mm.cli.config_check import check_config
from sema_mm.cli.launch import make_parser, merge_options
from sema_mm.config.config_file import load_config

#: A list of inputs and targets.
Batches = list[tuple[Tensor, Tensor]]


class Classifier(nn.Module):
    """The scores that a model of mmpretrain gives to prepared images.

    Args:
        model (nn.Module): The model.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute scores.

        Args:
            inputs (Tensor): What its data preprocessor made of N images.

        Returns:
            Tensor: Of shape (N, classes), before any softmax.

        Raises:
            TypeError: If the model gives something else.
        """
        scores = self.model(inputs, mode='tensor')
        if not isinstance(scores, Tensor) or scores.ndim != 2:
            raise TypeError(
                f'{type(self.model).__name__} gives no scores of shape '
                '(samples, classes): this tool is for classifiers'
            )
        return scores


def parser_of_measurements(text: str) -> argparse.ArgumentParser:
    """Make a parser with what all measurements of a checkpoint need.

    Args:
        text (str): What the tool does, in its first line.

    Returns:
        argparse.ArgumentParser: The parser.
    """
    parser = make_parser(text)
    parser.add_argument('--out', type=Path, required=True, metavar='FILE')
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        default='train',
        help='samples of which dataloader (default: train); they are '
        'prepared as for validation, never augmented',
    )
    parser.add_argument(
        '--samples',
        type=int,
        default=1000,
        help='how many, drawn with --seed (default: 1000, or all)',
    )
    parser.add_argument('--batch-size', type=int, default=250)
    parser.add_argument(
        '--mode',
        choices=['eval', 'train'],
        default='eval',
        help='BatchNorm with its running statistics, or with those of each '
        'batch (default: eval)',
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--weights',
        choices=['average', 'origin'],
        default='average',
        help='of a checkpoint with an average, that or the weights that '
        'training goes on with (default: average)',
    )
    return parser


def read_config(args: argparse.Namespace) -> Config:
    """Read and check a config.

    Returns:
        Config: The config, whose scope is the default one from now on.

    Raises:
        ValueError: If it cannot be used here.
    """
    for name in ('samples', 'batch_size'):
        if getattr(args, name) < 1:
            raise ValueError(f'--{name.replace("_", "-")} must be at least 1')
    cfg = load_config(args.config)
    merge_options(cfg, args.cfg_options)
    cfg.update(work_dir='work_dirs', resume=False, load_from=None)
    check_config(cfg, 'test')
    mmengine_patches.install()
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    return cfg


def build_classifier(cfg: Config) -> Classifier:
    """Build the model of a config, untrained, on the device to train on."""
    settings = copy.deepcopy(cfg.model)
    if cfg.get('data_preprocessor'):
        settings.setdefault('data_preprocessor', cfg.data_preprocessor)
    return Classifier(MODELS.build(settings)).to(get_device())


def load_weights(classifier: Classifier, path: Path, weights: str) -> None:
    """Give a model the weights of a checkpoint.

    Args:
        classifier (Classifier): The model, changed in place.
        path (Path): The checkpoint.
        weights (str): 'average' or 'origin'.

    Raises:
        ValueError: If it is of another model.
    """
    checkpoint = load_from_local(path, 'cpu')
    ChosenWeights(weights).after_load_checkpoint(None, checkpoint)
    state = checkpoint.get('state_dict', checkpoint)
    try:
        classifier.model.load_state_dict(state)
    except RuntimeError as error:
        first = ' '.join(str(error).split())[:200]
        raise ValueError(f'{path} is of another model: {first}') from error


def read_batches(
    cfg: Config, classifier: Classifier, args: argparse.Namespace
) -> Batches:
    """Read samples of a split, prepared as for validation.

    Args:
        cfg (Config): The config.
        classifier (Classifier): Has the data preprocessor.
        args (argparse.Namespace): The command line.

    Returns:
        list[tuple[Tensor, Tensor]]: Inputs, and classes of shape (N,).

    Raises:
        ValueError: If the config has no such split.
    """
    key = f'{args.split}_dataloader'
    loader = cfg.get(key)
    if loader is None:
        raise ValueError(f'the config has no {key}: choose another --split')
    settings = copy.deepcopy(loader.dataset)
    held_out = cfg.get('val_dataloader') or cfg.get('test_dataloader')
    innermost(settings).pipeline = innermost(held_out.dataset).pipeline
    dataset = DATASETS.build(settings)
    generator = torch.Generator().manual_seed(args.seed)
    order = torch.randperm(len(dataset), generator=generator)
    prepare: Any = classifier.model.data_preprocessor
    batches = []
    for chosen in order[: args.samples].split(args.batch_size):
        items = pseudo_collate([dataset[i] for i in chosen.tolist()])
        data = prepare(items, training=False)
        batches.append((data['inputs'], classes(data['data_samples'])))
    return batches


def innermost(settings: Any) -> Any:
    """Return the settings of the data set inside all wrappers."""
    while 'dataset' in settings:
        settings = settings.dataset
    return settings


def classes(samples: list) -> Tensor:
    """Read the class of each sample.

    Args:
        samples (list): Of mmpretrain's ``DataSample``.

    Returns:
        Tensor: Of shape (N,).

    Raises:
        ValueError: If one has none, or several.
    """
    labels = [sample.get('gt_label') for sample in samples]
    if any(label is None or label.numel() != 1 for label in labels):
        raise ValueError('this tool needs one class (gt_label) per sample')
    return torch.cat([label.view(1) for label in labels])


def accuracy(scores: Tensor, targets: Tensor) -> Tensor:
    """Return the fraction of N samples whose largest score is right."""
    return (scores.argmax(dim=1) == targets).double().mean()


def check_suffix(path: Path) -> None:
    """Check that measurements can be written into a file of that name.

    Raises:
        ValueError: If it ends in neither .csv nor .json.
    """
    if path.suffix not in ('.csv', '.json'):
        raise ValueError(f'--out must end in .csv or .json, not {path}')


def write_measurements(
    args: argparse.Namespace,
    batches: Batches,
    rows: list[dict[str, Any]],
    **checkpoint: str,
) -> None:
    """Write rows, after columns that say what was measured.

    A number that is not finite becomes an empty cell, or null.

    Args:
        args (argparse.Namespace): The command line.
        batches (list): The samples.
        rows (list[dict]): Dictionaries with the same keys.
        **checkpoint (str): One more column.
    """
    settings = dict(
        config=args.config,
        weights=args.weights,
        split=args.split,
        samples=sum(len(targets) for _, targets in batches),
        batch_size=args.batch_size,
        mode=args.mode,
        seed=args.seed,
        **checkpoint,
    )
    lines = [
        {k: _finite(v) for k, v in {**settings, **row}.items()} for row in rows
    ]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    if args.out.suffix == '.json':
        args.out.write_text(json.dumps(lines, indent=1, allow_nan=False))
    else:
        write_rows(args.out, lines)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
