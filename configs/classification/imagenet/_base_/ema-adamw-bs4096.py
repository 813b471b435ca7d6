# An epoch has 313 optimizer steps; the average remembers 10,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=1e-4,  # decay 0.9999
        warmup='linear',
        warmup_iters=20 * 313,  # 20 epochs
        warmup_ratio=0.9,
        switch_interval=None,  # never: plain EMA
    )
]
