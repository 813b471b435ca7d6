_base_ = [
    'mmpretrain::_base_/models/resnet50.py',
    './_base_/agedb_bs256.py',
    '../_base_/ages_adamw_coslr-400e.py',
]

model = dict(
    head=dict(
        _delete_=True,
        type='sema_mm.tasks.regression.RegressionHead',
        in_channels=2048,
        loss=dict(type='torch.nn.L1Loss'),
    )
)
