_base_ = ['./resnet18_1xb100-coslr-200e_cifar100.py', './_base_/ema-sgd.py']
