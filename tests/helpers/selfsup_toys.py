"""Self-supervised models of mmpretrain in miniature, with data for them."""

import torch
from mmengine.dataset import DefaultSampler
from mmengine.registry import init_default_scope
from torch import nn
from torch.utils.data import Dataset

from tests.helpers.toy import build_runner

EPOCHS = 4
#: Batches of an epoch.
STEPS = 3
NECK = dict(
    type='NonLinearNeck',
    in_channels=4,
    hid_channels=6,
    out_channels=4,
    norm_cfg=dict(type='BN1d'),
)
PREDICTOR = dict(NECK, with_avg_pool=False)
#: Models of mmpretrain, the name of the average in each, and its arguments.
MODELS_WITH_TARGET = dict(
    moco=(
        'encoder_k',
        dict(
            type='MoCo',
            neck=NECK,
            head=dict(
                type='ContrastiveHead', loss=dict(type='CrossEntropyLoss')
            ),
            queue_len=16,
            feat_dim=4,
            momentum=0.4,
        ),
    ),
    byol=(
        'target_net',
        dict(
            type='BYOL',
            neck=NECK,
            head=dict(
                type='LatentPredictHead',
                predictor=PREDICTOR,
                loss=dict(type='CosineSimilarityLoss'),
            ),
            base_momentum=0.4,
        ),
    ),
    mocov3=(
        'momentum_encoder',
        dict(
            type='MoCoV3',
            neck=NECK,
            head=dict(
                type='MoCoV3Head',
                predictor=PREDICTOR,
                loss=dict(type='CrossEntropyLoss'),
            ),
            base_momentum=0.4,
        ),
    ),
)
SIMCLR = dict(
    type='SimCLR',
    neck=NECK,
    head=dict(type='ContrastiveHead', loss=dict(type='CrossEntropyLoss')),
)


class Backbone(nn.Module):
    """Convolution and BatchNorm; the bias of the convolution is frozen."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.conv.bias.requires_grad = False
        self.bn = nn.BatchNorm2d(4)

    def forward(self, images):
        return (self.bn(self.conv(images)).relu(),)


class Images(Dataset):
    """Images of three classes, shape (1, 6, 6); in training, two views."""

    METAINFO = dict(classes=('a', 'b', 'c'))

    def __init__(self, size=24, views=True, labelled=True, seed=7):
        generator = torch.Generator().manual_seed(seed)
        draw = torch.randn(size, 3, 1, 6, 6, generator=generator)
        self.labels = torch.arange(size) % 3
        base = draw[:, 0] * 0.7
        base[:, 0, :2] += self.labels[:, None, None] - 1.0
        self.images = base
        self.noise = draw[:, 1:]
        self.views, self.labelled = views, labelled
        self.metainfo = self.METAINFO

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        from mmpretrain.structures import DataSample

        sample = DataSample()
        if self.labelled:
            sample.set_gt_label(self.labels[index])
        image = self.images[index]
        views = [image + 0.2 * noise for noise in self.noise[index]]
        inputs = views if self.views else image
        return dict(inputs=inputs, data_samples=sample)


def loader(dataset, batch_size=8, shuffle=False):
    """Configuration of a loader."""
    return dict(
        dataset=dataset,
        sampler=dict(type=DefaultSampler, shuffle=shuffle),
        batch_size=batch_size,
        num_workers=0,
        collate_fn=dict(type='default_collate'),
    )


def build_model(algorithm):
    """Build a model of mmpretrain around :class:`Backbone`."""
    from mmpretrain.registry import MODELS

    init_default_scope('mmpretrain')
    torch.manual_seed(3)
    model = MODELS.build(dict(algorithm, backbone=Backbone()))
    for part in model.modules():  # The target must differ from the start on.
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.5)
    return model


def build(work_dir, algorithm, hooks=(), **changes):
    """Build a runner that trains a model of mmpretrain."""
    arguments = dict(
        model=build_model(algorithm),
        train_dataloader=loader(Images(8 * STEPS), shuffle=True),
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
        default_scope='mmpretrain',
        epochs=EPOCHS,
    )
    arguments.update(changes)
    return build_runner(work_dir, list(hooks), **arguments)
