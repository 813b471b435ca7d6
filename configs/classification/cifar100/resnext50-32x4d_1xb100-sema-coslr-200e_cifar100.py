_base_ = [
    './resnext50-32x4d_1xb100-coslr-200e_cifar100.py',
    './_base_/sema.py',
]
