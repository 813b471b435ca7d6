# An epoch has 500 steps; the average remembers 10,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.0001,  # decay 0.9999
        switch_interval=None,  # never: plain EMA
        warmup='linear',
        warmup_iters=2500,  # 5 epochs
        warmup_ratio=0.9,
    )
]
