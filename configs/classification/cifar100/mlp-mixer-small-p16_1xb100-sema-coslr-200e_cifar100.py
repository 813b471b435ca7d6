_base_ = [
    './mlp-mixer-small-p16_1xb100-coslr-200e_cifar100.py',
    './_base_/sema.py',
]
