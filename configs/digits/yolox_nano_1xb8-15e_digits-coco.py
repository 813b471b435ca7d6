_base_ = './_base_/yolox-nano_digits-coco.py'
