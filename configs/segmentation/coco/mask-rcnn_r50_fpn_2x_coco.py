_base_ = 'mmdet::mask_rcnn/mask-rcnn_r50_fpn_2x_coco.py'

default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook'),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
randomness = dict(seed=0)
