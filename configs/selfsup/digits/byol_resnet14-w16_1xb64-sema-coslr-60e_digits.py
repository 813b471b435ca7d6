_base_ = './byol_resnet14-w16_1xb64-coslr-60e_digits.py'

# 128 iterations lie between two switches; the target remembers 20 at first, 31
# in epoch 24, and then ever more.
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=8,
        switch_end=24,
        evaluate_on_target=True,
    ),
]
