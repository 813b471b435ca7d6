# How a run survives a stop: the default_hooks of the 1,000-epoch recipes.
stops = dict(
    checkpoint=dict(
        type='sema_mm.SafeCheckpointHook', interval=10, max_keep_ckpts=1
    ),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
