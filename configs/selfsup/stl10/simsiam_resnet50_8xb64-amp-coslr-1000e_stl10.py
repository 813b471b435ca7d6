_base_ = ['../_base_/simsiam_1000e.py', './_base_/stl10_knn.py']

# The same views, smaller.
views = [
    [
        dict(step, scale=96) if step.type == 'RandomResizedCrop' else step
        for step in view
    ]
    for view in (_base_.view, _base_.solarized_view)
]
train_dataloader = dict(
    dataset=dict(
        _base_.bank.dataset,
        split='unlabeled',
        pipeline=[
            dict(type='MultiView', num_views=[1, 1], transforms=views),
            dict(type='PackInputs'),
        ],
    ),
)
train_cfg = dict(val_interval=25)
