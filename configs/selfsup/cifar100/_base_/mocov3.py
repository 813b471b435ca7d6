_base_ = [
    'mmpretrain::mocov3/mocov3_vit-small-p16_16xb256-amp-coslr-300e_in1k.py',
    './cifar100_knn.py',
]

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
