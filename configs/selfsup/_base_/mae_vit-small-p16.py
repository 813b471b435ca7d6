_base_ = 'mmpretrain::mae/mae_vit-base-p16_8xb512-amp-coslr-400e_in1k.py'

model = dict(
    backbone=dict(arch='deit-small'),
    neck=dict(
        embed_dim=384,
        decoder_embed_dim=192,
        decoder_depth=6,
        decoder_num_heads=6,
    ),
)
train_dataloader = dict(collate_fn=dict(_delete_=True, type='default_collate'))
resume = False
