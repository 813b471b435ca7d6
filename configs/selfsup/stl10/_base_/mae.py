_base_ = [
    'mmpretrain::mae/mae_vit-base-p16_8xb512-amp-coslr-400e_in1k.py',
    './stl10_knn_224.py',
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
    collate_fn=dict(_delete_=True, type='default_collate'),
    dataset=dict(
        type='sema_mm.datasets.STL10',
        data_root='data/stl10/',
        split='unlabeled',
        pipeline=_base_.train_pipeline[1:],
    ),
)
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000, val_interval=25)
resume = False
