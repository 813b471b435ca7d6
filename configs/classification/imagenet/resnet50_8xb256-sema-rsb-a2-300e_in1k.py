_base_ = [
    './resnet50_8xb256-rsb-a2-300e_in1k.py',
    './_base_/sema-lamb-bs2048.py',
]
