_base_ = 'mmpretrain::_base_/default_runtime.py'

default_hooks = dict(
    checkpoint=dict(
        type='sema_mm.SafeCheckpointHook',
        interval=10,
        max_keep_ckpts=1,
        save_best='regression/mae',
        rule='less',
    ),
    preemption=dict(type='sema_mm.PreemptionHook'),
)

optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3, weight_decay=0))
# Once an epoch, as the authors do.
param_scheduler = dict(
    type='CosineAnnealingLR', T_max=400, eta_min=1e-6, by_epoch=True
)
train_cfg = dict(by_epoch=True, max_epochs=400, val_interval=1)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=100)
