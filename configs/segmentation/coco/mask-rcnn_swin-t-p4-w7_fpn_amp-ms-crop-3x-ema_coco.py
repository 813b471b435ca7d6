_base_ = [
    './mask-rcnn_swin-t-p4-w7_fpn_amp-ms-crop-3x_coco.py',
    './_base_/ema-adamw-36e.py',
]
