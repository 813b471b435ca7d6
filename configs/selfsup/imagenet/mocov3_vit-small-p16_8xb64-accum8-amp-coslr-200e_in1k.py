_base_ = './_base_/mocov3.py'

# The target moves eight times in a step: 8 x 0.00125 for the authors' 0.01.
model = dict(base_momentum=0.00125)
train_dataloader = dict(
    batch_size=64, collate_fn=dict(_delete_=True, type='default_collate')
)
optim_wrapper = dict(accumulative_counts=8)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-4,
        by_epoch=True,
        begin=0,
        end=40,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=160,
        by_epoch=True,
        begin=40,
        end=200,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=200)
