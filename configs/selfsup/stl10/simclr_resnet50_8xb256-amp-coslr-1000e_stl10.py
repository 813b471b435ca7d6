_base_ = ['../_base_/simclr_1000e.py', './_base_/stl10_knn.py']

# Upstream's views, smaller.
view = [
    dict(step, scale=96) if step.type == 'RandomResizedCrop' else step
    for step in _base_.view_pipeline
]
train_dataloader = dict(
    dataset=dict(
        _base_.bank.dataset,
        split='unlabeled',
        pipeline=[
            dict(type='MultiView', num_views=2, transforms=[view]),
            dict(type='PackInputs'),
        ],
    ),
)
train_cfg = dict(val_interval=25)
