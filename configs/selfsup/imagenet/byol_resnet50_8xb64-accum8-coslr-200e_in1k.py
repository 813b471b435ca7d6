_base_ = 'mmpretrain::byol/byol_resnet50_16xb256-coslr-200e_in1k.py'

# The target moves eight times in a step: 8 x 0.00125 for the authors' 0.01.
model = dict(base_momentum=0.00125)
train_dataloader = dict(
    batch_size=64, collate_fn=dict(_delete_=True, type='default_collate')
)
optim_wrapper = dict(accumulative_counts=8)
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook', interval=10),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
