# An epoch has 5,005 optimizer steps; the average remembers 1,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=1e-3,  # decay 0.999
        warmup='linear',
        warmup_iters=5 * 5005,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=None,  # never: plain EMA
    )
]
