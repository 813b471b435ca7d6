_base_ = [
    './_base_/cifar100_bs100.py',
    './_base_/sgd_coslr-200e.py',
]

# Biases, BN, LeakyReLU and shortcuts as in the authors' network.
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='sema_mm.tasks.classification.WideResNet',
        depth=28,
        widen_factor=10,
        first_stride=1,
        drop_rate=0.0,
        activated_shortcuts=(True, False, False),
        conv_bias=True,
        norm_cfg=dict(type='BN', eps=0.001, momentum=0.001),
        act_cfg=dict(type='LeakyReLU', negative_slope=0.1),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=100,
        in_channels=640,
        loss=dict(type='CrossEntropyLoss', loss_weight=1.0),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=0.03, weight_decay=0.001))
