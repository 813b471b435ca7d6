_base_ = './yolox_tiny-w16_1xb8-10e_digits-coco.py'

# An epoch has 50 steps; the average remembers 10.
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.1,  # decay 0.9
        switch_interval=1,  # after every epoch
        evaluate_on_origin=True,
    ),
]
