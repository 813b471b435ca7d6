"""Plain EMA."""

custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.001,  # weight of the new value: decay 0.999
        switch_interval=None,  # never: plain EMA
    )
]
