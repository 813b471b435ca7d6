"""Switch EMA; the log warns where the window of this momentum is too long."""

custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.001,  # weight of the new value: decay 0.999
        switch_interval=1,  # after every epoch
    )
]
