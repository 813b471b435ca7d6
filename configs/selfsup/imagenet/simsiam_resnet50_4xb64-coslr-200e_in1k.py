_base_ = 'mmpretrain::simsiam/simsiam_resnet50_8xb32-coslr-200e_in1k.py'

train_dataloader = dict(
    batch_size=64, collate_fn=dict(_delete_=True, type='default_collate')
)
auto_scale_lr = dict(base_batch_size=256)
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook', interval=10),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
