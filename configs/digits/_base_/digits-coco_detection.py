# dataset settings
dataset_type = 'sema_mm.tasks.detection.DigitsCoco'
data_root = 'data/digits_coco/'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    # Changes nothing; the heads want the scale factor that it writes.
    dict(type='Resize', scale=(128, 128), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=(
            'img_id',
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
        ),
    ),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    dataset=dict(
        type=dataset_type,
        split='train',
        data_root=data_root,
        pipeline=train_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=20,
    num_workers=0,
    dataset=dict(
        type=dataset_type,
        split='val',
        data_root=data_root,
        pipeline=test_pipeline,
        test_mode=True,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = dict(
    val_dataloader, dataset=dict(val_dataloader['dataset'], split='test')
)
val_evaluator = dict(
    type='CocoMetric',
    ann_file=data_root + 'val/instances.json',
    metric=['bbox'],
)
test_evaluator = dict(
    val_evaluator, ann_file=data_root + 'test/instances.json'
)
