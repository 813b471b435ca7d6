_base_ = ['../../_base_/simsiam_resnet50.py', './cifar100_knn.py']

model = dict(backbone=dict(depth=18), neck=dict(in_channels=512))
data_preprocessor = _base_.pixels
train_dataloader = dict(
    dataset=dict(
        type='CIFAR100',
        data_root='data/cifar100/',
        split='train',
        pipeline=[
            dict(
                type='MultiView',
                num_views=[1, 1],
                transforms=[_base_.view, _base_.solarized_view],
            ),
            dict(type='PackInputs'),
        ],
    ),
)
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000, val_interval=50)
