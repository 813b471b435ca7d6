# model settings: the ResNet of configs/digits without its last stage, since
# 8 pixels become one in it
model = dict(
    type='BYOL',
    base_momentum=0.05,
    backbone=dict(
        type='ResNet_CIFAR',
        depth=18,
        stem_channels=16,
        base_channels=16,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
    ),
    neck=dict(
        type='NonLinearNeck',
        in_channels=64,
        hid_channels=256,
        out_channels=64,
        num_layers=2,
        with_bias=True,
        with_last_bn=False,
        with_avg_pool=True,
    ),
    head=dict(
        type='LatentPredictHead',
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
        loss=dict(type='CosineSimilarityLoss'),
    ),
)

# views: another writer's hand, and another pen
view = [
    dict(type='RandomCrop', crop_size=8, padding=1),
    dict(
        type='Rotate',
        angle=15.0,
        prob=0.7,
        random_negative_prob=0.5,
        pad_val=0,
    ),
    dict(
        type='Shear',
        magnitude=0.2,
        prob=0.7,
        random_negative_prob=0.5,
        pad_val=0,
    ),
    dict(type='ColorJitter', brightness=0.4, contrast=0.4),
]
train_pipeline = [
    dict(type='MultiView', num_views=2, transforms=[view]),
    dict(type='PackInputs'),
]
