_base_ = [
    './convnext-small_1xb100-coslr-200e_cifar100.py',
    './_base_/ema-adamw.py',
]
