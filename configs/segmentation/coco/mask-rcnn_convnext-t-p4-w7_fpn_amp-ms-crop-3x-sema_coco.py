_base_ = [
    './mask-rcnn_convnext-t-p4-w7_fpn_amp-ms-crop-3x_coco.py',
    './_base_/sema-adamw-36e.py',
]
