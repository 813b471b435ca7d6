_base_ = [
    './mask-rcnn_r18-w32_fpn_1xb8-6e_digits-coco.py',
    './_base_/sema_digits-coco.py',
]
