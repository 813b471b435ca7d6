_base_ = [
    './swin-tiny_8xb128-coslr-300e_in1k.py',
    './_base_/ema-adamw-bs1024.py',
]
