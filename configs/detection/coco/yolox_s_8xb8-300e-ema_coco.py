_base_ = './yolox_s_8xb8-300e_coco.py'

# An epoch of COCO has 1,849 steps at batch size 64.
custom_hooks = _base_.custom_hooks + [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=1e-4,  # decay 0.9999: remembers 10,000 steps
        switch_interval=None,  # never: plain EMA
        warmup='exp_momentum',
        gamma=2000,
        update_buffers=True,
    )
]
