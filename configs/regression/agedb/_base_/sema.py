# An epoch has 48 steps; the average remembers 10, a fifth.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.1,  # decay 0.9
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
        warmup='linear',
        warmup_iters=5 * 48,  # 5 epochs
        warmup_ratio=0.9,
    )
]
