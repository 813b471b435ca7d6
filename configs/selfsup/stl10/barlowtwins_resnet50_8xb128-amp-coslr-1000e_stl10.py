_base_ = ['../_base_/barlowtwins_1000e.py', './_base_/stl10_knn.py']

# Upstream's views, smaller.
views = [
    [
        dict(step, scale=96) if step.type == 'RandomResizedCrop' else step
        for step in view
    ]
    for view in (_base_.view_pipeline1, _base_.view_pipeline2)
]
train_dataloader = dict(
    batch_size=128,
    dataset=dict(
        _base_.bank.dataset,
        split='unlabeled',
        pipeline=[
            dict(type='MultiView', num_views=[1, 1], transforms=views),
            dict(type='PackInputs'),
        ],
    ),
)
auto_scale_lr = dict(base_batch_size=1024)
train_cfg = dict(val_interval=25)
