_base_ = 'mmpretrain::swin_transformer/swin-tiny_16xb64_in1k.py'

# 8 GPUs x 128 = 1024
train_dataloader = dict(batch_size=128)

optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-6,
        by_epoch=True,
        begin=0,
        end=20,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=280,
        eta_min=1e-5,
        by_epoch=True,
        begin=20,
        end=300,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook'),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
