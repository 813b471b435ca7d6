_base_ = ['./simmim_vit-small-p16.py', './stops.py']

train_dataloader = dict(batch_size=256)
optim_wrapper = dict(accumulative_counts=2)
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
        eta_min=4e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000)
