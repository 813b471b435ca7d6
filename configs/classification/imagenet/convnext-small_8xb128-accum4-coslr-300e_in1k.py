_base_ = './convnext-tiny_8xb256-accum2-coslr-300e_in1k.py'

model = dict(backbone=dict(arch='small', drop_path_rate=0.4))

# 8 GPUs x 128 x 4 accumulated = 4096
train_dataloader = dict(batch_size=128)

optim_wrapper = dict(accumulative_counts=4)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], eta_min=1e-5),
]
