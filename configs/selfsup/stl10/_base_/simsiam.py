_base_ = ['../../_base_/simsiam_resnet50.py', './stl10_knn.py']

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
        type='sema_mm.tasks.selfsup.STL10',
        data_root='data/stl10/',
        split='unlabeled',
        pipeline=[
            dict(type='MultiView', num_views=[1, 1], transforms=views),
            dict(type='PackInputs'),
        ],
    ),
)
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000, val_interval=25)
