_base_ = [
    'mmpretrain::_base_/models/densenet/densenet121.py',
    './_base_/cifar100_bs100.py',
    './_base_/sgd_coslr-200e.py',
]

model = dict(
    backbone=dict(type='sema_mm.tasks.classification.DenseNet_CIFAR'),
    head=dict(num_classes=100),
)
