_base_ = ['../_base_/mocov3_1000e.py', './_base_/cifar100_knn.py']

# The target moves eight times in a step: 8 x 0.00125 for the authors' 0.01.
model = dict(base_momentum=0.00125)
data_preprocessor = _base_.pixels
train_dataloader = dict(
    batch_size=64,
    dataset=dict(_base_.bank.dataset, pipeline=_base_.train_pipeline[1:]),
)
optim_wrapper = dict(accumulative_counts=8)
train_cfg = dict(val_interval=50)
