_base_ = '../../_base_/ages_adamw_coslr-400e.py'

param_scheduler = dict(T_max=200)
train_cfg = dict(max_epochs=200)
