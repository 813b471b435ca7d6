_base_ = ['../_base_/mocov3_1000e.py', './_base_/stl10_knn.py']

# The target moves twice in a step: 0.005 and 0.005 for the authors' 0.01.
model = dict(base_momentum=0.005, backbone=dict(img_size=96))
# Upstream's views, smaller.
views = [
    [
        dict(step, scale=96) if step.type == 'RandomResizedCrop' else step
        for step in view
    ]
    for view in (_base_.view_pipeline1, _base_.view_pipeline2)
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
optim_wrapper = dict(accumulative_counts=2)
train_cfg = dict(val_interval=25)
