_base_ = [
    '../../rcfmnist/_base_/rcfmnist_bs100.py',
    'mmpretrain::_base_/default_runtime.py',
]

# model settings
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='ResNet_CIFAR',
        depth=18,
        stem_channels=16,
        base_channels=16,
        strides=(2, 2, 2, 2),
        out_indices=(3,),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='sema_mm.tasks.regression.RegressionHead',
        in_channels=128,
        loss=dict(type='torch.nn.L1Loss'),
        # Mean and standard deviation of the angles.
        mean=180.0,
        std=104.0,
    ),
)

# The first images of each file; the colours say nothing.
train_dataloader = dict(
    num_workers=0, dataset=dict(colours='random', indices=10000)
)
val_dataloader = dict(
    batch_size=500, num_workers=0, dataset=dict(indices=2000)
)
test_dataloader = dict(batch_size=500, num_workers=0)

# schedule settings
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.05))
param_scheduler = dict(
    type='CosineAnnealingLR',
    T_max=10,
    by_epoch=True,
    convert_to_iter_based=True,
)
train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=1)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=100)

# runtime settings
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook', max_keep_ckpts=1),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
randomness = dict(seed=0)
