_base_ = '../../agedb/_base_/adamw_coslr-by-iter-400e.py'

param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=200),
]
train_cfg = dict(max_epochs=200)
