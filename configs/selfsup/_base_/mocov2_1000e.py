_base_ = [
    'mmpretrain::mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py',
    './stops.py',
]

train_dataloader = dict(
    batch_size=64, collate_fn=dict(_delete_=True, type='default_collate')
)
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=1000, by_epoch=True),
]
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000)
