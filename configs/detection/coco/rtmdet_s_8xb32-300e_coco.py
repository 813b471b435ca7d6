_base_ = 'mmdet::rtmdet/rtmdet_s_8xb32-300e_coco.py'

# mmdet's recipe averages the weights by itself; its other hooks are kept.
custom_hooks = [hook for hook in _base_.custom_hooks if hook.type != 'EMAHook']
# The batch that its learning rate is meant for; mmdet's file leaves 16 here.
auto_scale_lr = dict(base_batch_size=256)
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook'),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
randomness = dict(seed=0)
