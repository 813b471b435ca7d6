_base_ = './convnext-tiny_8xb256-accum2-coslr-300e_in1k.py'

model = dict(backbone=dict(arch='small', drop_path_rate=0.4))

# 8 GPUs x 128 x 4 accumulated = 4096
train_dataloader = dict(batch_size=128)

optim_wrapper = dict(accumulative_counts=4)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-6,
        by_epoch=True,
        begin=0,
        end=20,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=280,
        eta_min=1e-5,
        by_epoch=True,
        begin=20,
        end=300,
        convert_to_iter_based=True,
    ),
]
