_base_ = '../_base_/simmim_vit-small-p16.py'

train_dataloader = dict(batch_size=256)
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook', interval=10),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
