_base_ = '../../_base_/ages_adamw_coslr-by-iter-400e.py'

param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=200),
]
train_cfg = dict(max_epochs=200)
