_base_ = './yolox_s_8xb8-300e_coco.py'

# An epoch of COCO has 1,849 steps at batch size 64.
custom_hooks = _base_.custom_hooks + [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=2e-3,  # decay 0.998: remembers 500 steps
        switch_interval=1,  # after every epoch
        switch_begin=5,  # first switch after epoch 6
        warmup='exp_momentum',
        gamma=2000,
        update_buffers=True,
    )
]
