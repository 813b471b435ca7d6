_base_ = './_base_/digits_knn.py'

model = dict(
    type='BYOL',
    base_momentum=0.05,
    backbone=dict(
        type='ResNet_CIFAR', depth=18, base_channels=16, stem_channels=16
    ),
    neck=dict(
        type='NonLinearNeck',
        in_channels=128,
        hid_channels=256,
        out_channels=64,
        num_layers=2,
        with_bias=True,
        with_last_bn=False,
        with_avg_pool=True,
    ),
    head=dict(
        type='LatentPredictHead',
        loss=dict(type='CosineSimilarityLoss'),
        predictor=dict(
            type='NonLinearNeck',
            in_channels=64,
            hid_channels=256,
            out_channels=64,
            num_layers=2,
            with_bias=True,
            with_last_bn=False,
            with_avg_pool=False,
        ),
    ),
)
view = [
    dict(
        type='RandomResizedCrop',
        scale=8,
        crop_ratio_range=(0.5, 1.0),
        interpolation='bicubic',
    ),
    dict(type='Rotate', angle=20.0, prob=0.5, random_negative_prob=0.5),
    dict(type='ColorJitter', brightness=0.4, contrast=0.4),
]
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='MultiView', num_views=2, transforms=[view]),
            dict(type='PackInputs'),
        ]
    )
)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=5, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        begin=5,
        end=100,
        T_max=95,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=5)
