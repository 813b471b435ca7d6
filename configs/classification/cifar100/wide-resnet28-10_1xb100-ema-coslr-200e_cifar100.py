_base_ = [
    './wide-resnet28-10_1xb100-coslr-200e_cifar100.py',
    './_base_/ema-sgd.py',
]
