_base_ = ['./convnext-tiny_1xb100-coslr-200e_cifar100.py', './_base_/sema.py']
