_base_ = [
    'mmpretrain::byol/byol_resnet50_16xb256-coslr-200e_in1k.py',
    './stops.py',
]

# The target moves twice in a step: 0.005 and 0.005 for the authors' 0.01.
model = dict(base_momentum=0.005)
train_dataloader = dict(collate_fn=dict(_delete_=True, type='default_collate'))
optim_wrapper = dict(
    type='AmpOptimWrapper', loss_scale='dynamic', accumulative_counts=2
)
# The warm-up multiplies the cosine, which begins with the first epoch.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-5,
        by_epoch=True,
        end=10,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=1000,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000)
