_base_ = [
    'mmpretrain::mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py',
    './stl10_knn.py',
]

# Upstream's views, smaller.
view = [
    dict(step, scale=96) if step.type == 'RandomResizedCrop' else step
    for step in _base_.view_pipeline
]
train_dataloader = dict(
    collate_fn=dict(_delete_=True, type='default_collate'),
    dataset=dict(
        type='sema_mm.tasks.selfsup.STL10',
        data_root='data/stl10/',
        split='unlabeled',
        pipeline=[
            dict(type='MultiView', num_views=2, transforms=[view]),
            dict(type='PackInputs'),
        ],
    ),
)
default_hooks = _base_.stops
train_cfg = dict(max_epochs=1000, val_interval=25)
