_base_ = [
    'mmpretrain::_base_/models/convnext/convnext-tiny.py',
    './_base_/agedb_bs256_randaug.py',
    '../_base_/ages_adamw_coslr-by-iter-400e.py',
]

model = dict(
    backbone=dict(drop_path_rate=0.3),
    head=dict(
        _delete_=True,
        type='sema_mm.tasks.regression.RegressionHead',
        in_channels=768,
        loss=dict(type='torch.nn.L1Loss'),
    ),
    train_cfg=None,  # no Mixup, no CutMix
)
