_base_ = './_base_/yolox_tiny-w16_digits-coco.py'
