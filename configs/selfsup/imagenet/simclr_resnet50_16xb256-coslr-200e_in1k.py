_base_ = 'mmpretrain::simclr/simclr_resnet50_16xb256-coslr-200e_in1k.py'

train_dataloader = dict(collate_fn=dict(_delete_=True, type='default_collate'))
auto_scale_lr = dict(base_batch_size=4096)
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook', interval=10),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
