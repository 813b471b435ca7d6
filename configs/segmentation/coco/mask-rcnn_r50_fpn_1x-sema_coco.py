_base_ = ['./mask-rcnn_r50_fpn_1x_coco.py', './_base_/sema-sgd-12e.py']
