_base_ = 'mmpretrain::mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py'

train_dataloader = dict(
    batch_size=64, collate_fn=dict(_delete_=True, type='default_collate')
)
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook', interval=10),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
