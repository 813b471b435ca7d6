_base_ = './_base_/mae.py'

train_dataloader = dict(batch_size=128)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(
        type='AdamW', lr=2.4e-3, betas=(0.9, 0.95), weight_decay=0.05
    ),
    accumulative_counts=8,
    paramwise_cfg=_base_.optim_wrapper.paramwise_cfg,
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
