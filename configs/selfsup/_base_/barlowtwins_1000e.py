_base_ = [
    'mmpretrain::barlowtwins/barlowtwins_resnet50_8xb256-coslr-300e_in1k.py',
    './stops.py',
]

train_dataloader = dict(collate_fn=dict(_delete_=True, type='default_collate'))
optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')
# The warm-up multiplies the cosine, which begins with the first epoch.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1.6e-4,
        by_epoch=True,
        end=10,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=1000,
        eta_min=1.6e-3,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000)
