_base_ = ['../../_base_/mae_vit-small-p16.py', './stl10_knn_224.py']

train_dataloader = dict(
    dataset=dict(
        type='sema_mm.tasks.selfsup.STL10',
        data_root='data/stl10/',
        split='unlabeled',
        pipeline=_base_.train_pipeline[1:],
    ),
)
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000, val_interval=25)
