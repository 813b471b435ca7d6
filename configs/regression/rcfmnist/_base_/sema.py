# An epoch has 600 steps; the average remembers 200, a third.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.005,  # decay 0.995
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
        warmup='linear',
        warmup_iters=5 * 600,  # 5 epochs
        warmup_ratio=0.9,
    )
]
