_base_ = './mae_vit-small-p16_8xb512-amp-coslr-400e_in1k.py'

# An epoch has 313 optimizer steps; the average remembers 100.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.01,  # decay 0.99
        warmup='linear',
        warmup_iters=1565,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
    )
]
