_base_ = [
    './cascade-mask-rcnn_r50_fpn_adamw-1x_coco.py',
    './_base_/sema-adamw-12e.py',
]
