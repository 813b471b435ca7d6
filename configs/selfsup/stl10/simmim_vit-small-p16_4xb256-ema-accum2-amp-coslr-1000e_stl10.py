_base_ = './simmim_vit-small-p16_4xb256-accum2-amp-coslr-1000e_stl10.py'

# An epoch has 49 optimizer steps; the average remembers 10,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.0001,  # decay 0.9999
        warmup='linear',
        warmup_iters=245,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=None,  # never: plain EMA
    )
]
