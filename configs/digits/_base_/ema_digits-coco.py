# An epoch has 50 steps; the average remembers 10.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.1,  # decay 0.9
        switch_interval=None,  # never: plain EMA
        evaluate_on_origin=True,
    )
]
