_base_ = [
    './convnext-small_8xb128-accum4-coslr-300e_in1k.py',
    './_base_/ema-adamw-bs4096.py',
]
