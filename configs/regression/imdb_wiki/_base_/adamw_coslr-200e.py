_base_ = '../../agedb/_base_/adamw_coslr-400e.py'

param_scheduler = dict(T_max=200)
train_cfg = dict(max_epochs=200)
