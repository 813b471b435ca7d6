_base_ = [
    'mmpretrain::_base_/models/convnext/convnext-tiny.py',
    './_base_/cifar100_bs100_randaug.py',
    './_base_/adamw_coslr-200e.py',
]

model = dict(
    backbone=dict(
        type='sema_mm.tasks.classification.ConvNeXt_CIFAR', drop_path_rate=0.3
    ),
    head=dict(num_classes=100),
    train_cfg=None,  # no Mixup, no CutMix
)
