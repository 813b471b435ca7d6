_base_ = [
    './convnext-tiny_8xb256-accum2-coslr-300e_in1k.py',
    './_base_/ema-adamw-bs4096.py',
]
