_base_ = './mae_vit-tiny-p2_1xb64-coslr-100e_digits.py'

# An epoch has 16 steps; the average remembers 5.
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.2,  # decay 0.8
        switch_interval=None,  # never: plain EMA
        evaluate_on_origin=True,
    ),
]
