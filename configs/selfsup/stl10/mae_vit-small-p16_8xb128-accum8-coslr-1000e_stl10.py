_base_ = './_base_/mae.py'

train_dataloader = dict(batch_size=128)
optim_wrapper = dict(
    type='OptimWrapper',
    loss_scale=None,
    optimizer=dict(lr=2.4e-3),
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
auto_scale_lr = dict(base_batch_size=8192)
