_base_ = './_base_/barlowtwins.py'

optim_wrapper = dict(
    type='AmpOptimWrapper',
    loss_scale='dynamic',
)
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
