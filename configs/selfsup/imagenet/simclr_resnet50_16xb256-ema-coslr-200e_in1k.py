_base_ = './simclr_resnet50_16xb256-coslr-200e_in1k.py'

# An epoch has 313 optimizer steps; the average remembers 1,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.001,  # decay 0.999
        warmup='linear',
        warmup_iters=1565,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=None,  # never: plain EMA
    )
]
