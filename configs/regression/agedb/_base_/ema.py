# An epoch has 48 steps; the average remembers 1,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.001,  # decay 0.999
        switch_interval=None,  # never: plain EMA
        warmup='linear',
        warmup_iters=5 * 48,  # 5 epochs
        warmup_ratio=0.9,
    )
]
