_base_ = [
    'mmpretrain::_base_/models/resnet101_cifar.py',
    './_base_/cifar100_bs100.py',
    './_base_/sgd_coslr-200e.py',
]

model = dict(head=dict(num_classes=100))
