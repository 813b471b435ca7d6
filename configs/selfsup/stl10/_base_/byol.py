_base_ = [
    'mmpretrain::byol/byol_resnet50_16xb256-coslr-200e_in1k.py',
    './stl10_knn.py',
]

# Upstream's views, smaller.
views = [
    [
        dict(step, scale=96) if step.type == 'RandomResizedCrop' else step
        for step in view
    ]
    for view in (_base_.view_pipeline1, _base_.view_pipeline2)
]
train_dataloader = dict(
    collate_fn=dict(_delete_=True, type='default_collate'),
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
