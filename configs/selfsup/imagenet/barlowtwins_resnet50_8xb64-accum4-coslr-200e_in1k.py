_base_ = (
    'mmpretrain::barlowtwins/barlowtwins_resnet50_8xb256-coslr-300e_in1k.py'
)

train_dataloader = dict(
    batch_size=64, collate_fn=dict(_delete_=True, type='default_collate')
)
optim_wrapper = dict(accumulative_counts=4)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1.6e-4,
        by_epoch=True,
        begin=0,
        end=10,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=190,
        eta_min=0.0016,
        by_epoch=True,
        begin=10,
        end=200,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=200)
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook', interval=10),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
