_base_ = [
    'mmpretrain::byol/byol_resnet50_16xb256-coslr-200e_in1k.py',
    './cifar100_knn.py',
]

model = dict(backbone=dict(depth=18), neck=dict(in_channels=512))
data_preprocessor = _base_.pixels
train_dataloader = dict(
    collate_fn=dict(_delete_=True, type='default_collate'),
    dataset=dict(
        type='CIFAR100',
        data_root='data/cifar100/',
        split='train',
        pipeline=_base_.train_pipeline[1:],
    ),
)
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000, val_interval=50)
