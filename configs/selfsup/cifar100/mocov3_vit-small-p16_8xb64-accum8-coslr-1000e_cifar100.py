_base_ = './_base_/mocov3.py'

# The target moves eight times in a step: 8 x 0.00125 for the authors' 0.01.
model = dict(base_momentum=0.00125)
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=2.4e-3, betas=(0.9, 0.95), weight_decay=0.1
    ),
    accumulative_counts=8,
)
# The warm-up multiplies the cosine, which begins with the first epoch.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-5,
        by_epoch=True,
        end=40,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=1000,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
