_base_ = [
    'mmpretrain::_base_/models/convnext/convnext-tiny.py',
    './_base_/rcfmnist_bs100_halves.py',
    './_base_/adam_coslr-400e.py',
]

model = dict(
    backbone=dict(
        type='sema_mm.tasks.classification.ConvNeXt_CIFAR', drop_path_rate=0.3
    ),
    head=dict(
        _delete_=True,
        type='sema_mm.tasks.regression.RegressionHead',
        in_channels=768,
        loss=dict(type='torch.nn.L1Loss'),
    ),
    train_cfg=None,  # no Mixup, no CutMix
)
