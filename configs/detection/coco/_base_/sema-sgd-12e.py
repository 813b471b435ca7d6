# An epoch of COCO has 7,330 steps at batch size 16.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=1e-3,  # decay 0.999: remembers 1,000 steps
        switch_interval=1,  # after every epoch
    )
]
