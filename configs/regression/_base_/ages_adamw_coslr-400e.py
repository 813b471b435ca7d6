_base_ = './runtime.py'

optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05))
# Once an epoch, as the authors do.
param_scheduler = dict(
    type='CosineAnnealingLR', T_max=400, eta_min=1e-6, by_epoch=True
)
train_cfg = dict(by_epoch=True, max_epochs=400, val_interval=1)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=256)
