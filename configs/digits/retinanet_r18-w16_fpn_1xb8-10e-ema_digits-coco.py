_base_ = [
    './retinanet_r18-w16_fpn_1xb8-10e_digits-coco.py',
    './_base_/ema_digits-coco.py',
]
