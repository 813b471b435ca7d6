_base_ = [
    'mmpretrain::_base_/models/swin_transformer/tiny_224.py',
    './_base_/cifar100_bs100_randaug_224.py',
    './_base_/adamw_coslr-by-iter-200e.py',
]

model = dict(
    head=dict(num_classes=100),
    train_cfg=None,  # no Mixup, no CutMix
)
