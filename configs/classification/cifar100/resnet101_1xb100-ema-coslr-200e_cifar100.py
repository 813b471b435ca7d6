_base_ = ['./resnet101_1xb100-coslr-200e_cifar100.py', './_base_/ema-sgd.py']
