# dataset settings: 1,074 images to learn from and to compare with, 359 to
# validate, 364 to test
dataset_type = 'sema_mm.tasks.classification.Digits'
data_preprocessor = dict(
    type='SelfSupDataPreprocessor',
    mean=[77.8, 77.8, 77.8],
    std=[95.9, 95.9, 95.9],
)
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type=dataset_type, split='train'),
)
bank = dict(
    batch_size=359,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type=dataset_type, split='train', pipeline=[dict(type='PackInputs')]
    ),
)
val_dataloader = dict(
    batch_size=359,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type=dataset_type, split='val', pipeline=[dict(type='PackInputs')]
    ),
)
test_dataloader = dict(
    batch_size=364,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type=dataset_type, split='test', pipeline=[dict(type='PackInputs')]
    ),
)
val_evaluator = dict(type='Accuracy', topk=(1,), prefix='knn')
test_evaluator = val_evaluator

# schedule settings
val_cfg = dict(
    type='sema_mm.tasks.selfsup.KNNValLoop', bank=bank, k=20, temperature=0.07
)
test_cfg = dict(
    type='sema_mm.tasks.selfsup.KNNTestLoop', bank=bank, k=20, temperature=0.07
)
auto_scale_lr = dict(base_batch_size=64)

# runtime settings
default_scope = 'mmpretrain'
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=100),
    checkpoint=dict(
        type='sema_mm.SafeCheckpointHook', interval=10, max_keep_ckpts=1
    ),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
visualizer = dict(
    type='UniversalVisualizer', vis_backends=[dict(type='LocalVisBackend')]
)
randomness = dict(seed=0)
