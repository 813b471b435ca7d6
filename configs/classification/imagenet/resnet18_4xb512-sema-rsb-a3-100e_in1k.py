_base_ = [
    './resnet18_4xb512-rsb-a3-100e_in1k.py',
    './_base_/sema-lamb-bs2048.py',
]
