_base_ = 'mmpretrain::_base_/default_runtime.py'

default_hooks = dict(
    checkpoint=dict(
        type='sema_mm.SafeCheckpointHook',
        interval=10,
        max_keep_ckpts=1,
        save_best='regression/mae',
        rule='less',
    ),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
