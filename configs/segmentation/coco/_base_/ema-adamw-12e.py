# An epoch of COCO has 7,330 steps at batch size 16.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=1e-4,  # decay 0.9999: remembers 10,000 steps
        switch_interval=None,  # never: plain EMA
    )
]
