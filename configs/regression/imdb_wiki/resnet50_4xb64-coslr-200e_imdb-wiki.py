_base_ = [
    'mmpretrain::_base_/models/resnet50.py',
    './_base_/imdb-wiki_bs256.py',
    './_base_/adamw_coslr-200e.py',
]

model = dict(
    head=dict(
        _delete_=True,
        type='sema_mm.tasks.regression.RegressionHead',
        in_channels=2048,
        loss=dict(type='torch.nn.L1Loss'),
    )
)
