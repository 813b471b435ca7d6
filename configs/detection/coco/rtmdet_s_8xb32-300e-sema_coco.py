_base_ = './rtmdet_s_8xb32-300e_coco.py'

# An epoch of COCO has 459 steps at batch size 256.
custom_hooks = _base_.custom_hooks + [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=1e-2,  # decay 0.99: remembers 100 steps
        switch_interval=1,  # after every epoch
        switch_begin=5,  # first switch after epoch 6
        warmup='exp_momentum',
        gamma=2000,
        update_buffers=True,
    )
]
