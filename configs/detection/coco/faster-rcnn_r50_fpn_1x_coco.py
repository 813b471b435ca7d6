_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'

default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook'),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
randomness = dict(seed=0)
