_base_ = ['../../_base_/simmim_vit-small-p16.py', './cifar100_knn.py']

data_preprocessor = _base_.pixels
train_dataloader = dict(
    dataset=dict(
        type='CIFAR100',
        data_root='data/cifar100/',
        split='train',
        pipeline=_base_.train_pipeline[1:],
    ),
)
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000, val_interval=50)
