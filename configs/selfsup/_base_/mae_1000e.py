_base_ = [
    'mmpretrain::mae/mae_vit-base-p16_8xb512-amp-coslr-400e_in1k.py',
    './stops.py',
]

model = dict(
    backbone=dict(arch='deit-small'),
    neck=dict(
        embed_dim=384,
        decoder_embed_dim=192,
        decoder_depth=6,
        decoder_num_heads=6,
    ),
)
train_dataloader = dict(
    batch_size=128, collate_fn=dict(_delete_=True, type='default_collate')
)
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
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000)
resume = False
