_base_ = 'mmdet::cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py'

default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook'),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
randomness = dict(seed=0)
