_base_ = [
    'mmdet::_base_/models/retinanet_r50_fpn.py',
    './_base_/digits-coco_detection.py',
    './_base_/adamw-10e_digits-coco.py',
]

# ResNet-18 of a quarter of the width, from scratch, and 64 channels after
# it, with the norms that training from scratch needs there; anchors of the
# sizes and shapes of the digits.
model = dict(
    backbone=dict(
        depth=18,
        base_channels=16,
        frozen_stages=-1,
        norm_eval=False,
        init_cfg=None,
    ),
    neck=dict(
        in_channels=[16, 32, 64, 128],
        out_channels=64,
        num_outs=3,
        norm_cfg=dict(type='BN'),
    ),
    bbox_head=dict(
        num_classes=10,
        in_channels=64,
        feat_channels=64,
        stacked_convs=2,
        norm_cfg=dict(type='GN', num_groups=8),
        anchor_generator=dict(
            octave_base_scale=3, ratios=[1.0, 1.7, 3.0], strides=[8, 16, 32]
        ),
    ),
)
