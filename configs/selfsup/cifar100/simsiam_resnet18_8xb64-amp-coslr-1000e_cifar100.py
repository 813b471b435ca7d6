_base_ = './_base_/simsiam.py'

train_dataloader = dict(batch_size=64)
optim_wrapper = dict(
    type='AmpOptimWrapper',
    loss_scale='dynamic',
    optimizer=dict(lr=0.1),
)
param_scheduler = [
    dict(
        type='CosineAnnealingLR',
        T_max=1000,
        by_epoch=True,
    ),
]
auto_scale_lr = dict(base_batch_size=512)
custom_hooks = [
    dict(type='SimSiamHook', priority='HIGH', fix_pred_lr=True, lr=0.1)
]
