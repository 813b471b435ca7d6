_base_ = './byol_resnet14-w16_1xb64-coslr-60e_digits.py'

# The average is the model's own: its momentum network is evaluated.
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=None,  # never: plain EMA
        evaluate_on_target=True,
    ),
]
