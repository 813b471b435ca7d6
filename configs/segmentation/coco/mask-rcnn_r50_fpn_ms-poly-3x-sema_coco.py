_base_ = ['./mask-rcnn_r50_fpn_ms-poly-3x_coco.py', './_base_/sema-sgd-12e.py']
