_base_ = 'mmdet::mask_rcnn/mask-rcnn_r50_fpn_2x_coco.py'

randomness = dict(seed=0)
