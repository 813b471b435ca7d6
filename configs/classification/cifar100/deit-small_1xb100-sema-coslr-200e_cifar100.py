_base_ = ['./deit-small_1xb100-coslr-200e_cifar100.py', './_base_/sema.py']
