_base_ = './ages_adamw_coslr-400e.py'

optim_wrapper = dict(
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        custom_keys={'.gamma': dict(decay_mult=0.0)},
    ),
    clip_grad=dict(max_norm=5.0),
)
# The warm-up multiplies the cosine, which begins with the first iteration.
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-6,
        by_epoch=True,
        end=5,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=400,
        eta_min=1e-6,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
