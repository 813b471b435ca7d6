_base_ = ['../_base_/simsiam_1000e.py', './_base_/cifar100_knn.py']

model = dict(backbone=dict(depth=18), neck=dict(in_channels=512))
data_preprocessor = _base_.pixels
train_dataloader = dict(
    dataset=dict(
        _base_.bank.dataset,
        pipeline=[
            dict(
                type='MultiView',
                num_views=[1, 1],
                transforms=[_base_.view, _base_.solarized_view],
            ),
            dict(type='PackInputs'),
        ],
    )
)
train_cfg = dict(val_interval=50)
