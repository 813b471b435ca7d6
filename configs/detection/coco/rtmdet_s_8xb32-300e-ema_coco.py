_base_ = './rtmdet_s_8xb32-300e_coco.py'

# An epoch of COCO has 459 steps at batch size 256.
custom_hooks = _base_.custom_hooks + [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=2e-4,  # decay 0.9998: remembers 5,000 steps
        switch_interval=None,  # never: plain EMA
        warmup='exp_momentum',
        gamma=2000,
        update_buffers=True,
    )
]
