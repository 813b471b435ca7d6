_base_ = ['../_base_/simmim_1000e.py', './_base_/stl10_knn_224.py']

train_dataloader = dict(
    dataset=dict(
        _base_.bank.dataset,
        split='unlabeled',
        pipeline=_base_.train_pipeline[1:],
    ),
)
train_cfg = dict(val_interval=25)
