_base_ = './adamw-6e_digits-coco.py'

# schedule settings
max_epochs = 10
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs)
