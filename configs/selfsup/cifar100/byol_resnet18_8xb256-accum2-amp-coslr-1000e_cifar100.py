_base_ = ['../_base_/byol_1000e.py', './_base_/cifar100_knn.py']

model = dict(backbone=dict(depth=18), neck=dict(in_channels=512))
data_preprocessor = _base_.pixels
train_dataloader = dict(
    dataset=dict(_base_.bank.dataset, pipeline=_base_.train_pipeline[1:])
)
train_cfg = dict(val_interval=50)
