# At batch size 16, an epoch has 7,330 steps; 21,988 in ms-poly-3x.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=1e-3,  # decay 0.999: remembers 1,000 steps
        switch_interval=None,  # never: plain EMA
    )
]
