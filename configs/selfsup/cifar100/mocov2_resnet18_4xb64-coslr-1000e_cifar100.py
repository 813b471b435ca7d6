_base_ = './_base_/mocov2.py'

train_dataloader = dict(batch_size=64)
param_scheduler = [
    dict(
        type='CosineAnnealingLR',
        T_max=1000,
        by_epoch=True,
    ),
]
