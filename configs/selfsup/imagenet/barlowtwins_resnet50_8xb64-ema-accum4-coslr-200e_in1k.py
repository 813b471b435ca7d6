_base_ = './barlowtwins_resnet50_8xb64-accum4-coslr-200e_in1k.py'

# An epoch has 625.75 optimizer steps; the average remembers 1,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.001,  # decay 0.999
        warmup='linear',
        warmup_iters=3129,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=None,  # never: plain EMA
    )
]
