_base_ = [
    'mmpretrain::_base_/models/mlp_mixer_base_patch16.py',
    './_base_/cifar100_bs100_randaug_224.py',
    './_base_/adamw_coslr-by-iter-200e.py',
]

model = dict(
    backbone=dict(arch='small', drop_rate=0.1),
    head=dict(
        num_classes=100,
        in_channels=512,
        loss=dict(
            _delete_=True,
            type='LabelSmoothLoss',
            label_smooth_val=0.1,
            mode='original',
        ),
    ),
)
