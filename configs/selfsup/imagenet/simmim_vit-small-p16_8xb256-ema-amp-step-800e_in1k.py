_base_ = './simmim_vit-small-p16_8xb256-amp-step-800e_in1k.py'

# An epoch has 626 optimizer steps; the average remembers 10,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.0001,  # decay 0.9999
        warmup='linear',
        warmup_iters=3130,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=None,  # never: plain EMA
    )
]
