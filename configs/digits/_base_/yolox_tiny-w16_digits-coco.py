_base_ = 'mmdet::yolox/yolox_tiny_8xb8-300e_coco.py'

# model settings: two thirds of the width, the pictures as they are, and
# statistics of BatchNorm that follow a short run
img_scale = (128, 128)  # width, height
norm_cfg = dict(momentum=0.1)
model = dict(
    data_preprocessor=dict(batch_augments=None),
    backbone=dict(widen_factor=0.25, norm_cfg=norm_cfg),
    neck=dict(in_channels=[64, 128, 256], out_channels=64, norm_cfg=norm_cfg),
    bbox_head=dict(
        num_classes=10, in_channels=64, feat_channels=64, norm_cfg=norm_cfg
    ),
)

# dataset settings
dataset_type = 'sema_mm.tasks.detection.DigitsCoco'
data_root = 'data/digits_coco/'
train_pipeline = [
    dict(type='RandomAffine', scaling_ratio_range=(0.8, 1.2)),
    dict(type='YOLOXHSVRandomAug'),
    dict(type='Resize', scale=img_scale, keep_ratio=True),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1, 1), keep_empty=False),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=img_scale, keep_ratio=True),
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
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        dataset=dict(
            _delete_=True,
            type=dataset_type,
            split='train',
            data_root=data_root,
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations', with_bbox=True),
            ],
        ),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=20,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        type=dataset_type,
        split='val',
        data_root=data_root,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    val_dataloader, dataset=dict(val_dataloader['dataset'], split='test')
)
val_evaluator = dict(ann_file=data_root + 'val/instances.json')
test_evaluator = dict(ann_file=data_root + 'test/instances.json')

# schedule settings
max_epochs = 10
num_last_epochs = 3
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
optim_wrapper = dict(
    optimizer=dict(
        _delete_=True, type='AdamW', lr=2e-3, weight_decay=0.05, fused=True
    )
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=8)

# runtime settings: upstream's hooks without its EMAHook
custom_hooks = [
    dict(
        type='YOLOXModeSwitchHook',
        num_last_epochs=num_last_epochs,
        priority=48,
    ),
    dict(type='SyncNormHook', priority=48),
]
default_hooks = dict(
    checkpoint=dict(
        type='sema_mm.SafeCheckpointHook', interval=1, max_keep_ckpts=1
    ),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
randomness = dict(seed=0)
