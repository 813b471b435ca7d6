_base_ = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'

# The authors' schedule; mmdet's own RetinaNet has lr=0.01.
optim_wrapper = dict(optimizer=dict(lr=0.02))
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook'),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
randomness = dict(seed=0)
