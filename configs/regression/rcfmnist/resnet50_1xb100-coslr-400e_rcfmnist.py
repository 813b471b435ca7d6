_base_ = [
    'mmpretrain::_base_/models/resnet50_cifar.py',
    './_base_/rcfmnist_bs100_halves.py',
    './_base_/adam_coslr-400e.py',
]

model = dict(
    head=dict(
        _delete_=True,
        type='sema_mm.tasks.regression.RegressionHead',
        in_channels=2048,
        loss=dict(type='torch.nn.L1Loss'),
    )
)
