_base_ = (
    'mmdet::convnext/mask-rcnn_convnext-t-p4-w7_fpn_amp-ms-crop-3x_coco.py'
)

default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook'),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
randomness = dict(seed=0)
