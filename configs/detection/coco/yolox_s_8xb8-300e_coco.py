_base_ = 'mmdet::yolox/yolox_s_8xb8-300e_coco.py'

# mmdet's recipe averages the weights by itself; its other hooks are kept.
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != 'EMAHook']
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook'),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
randomness = dict(seed=0)
