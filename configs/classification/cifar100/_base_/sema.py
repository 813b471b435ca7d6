# An epoch has 500 steps; the average remembers 100, a fifth.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.01,  # decay 0.99
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
        warmup='linear',
        warmup_iters=2500,  # 5 epochs
        warmup_ratio=0.9,
    )
]
