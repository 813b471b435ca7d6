_base_ = './simsiam_resnet50_8xb64-amp-coslr-1000e_stl10.py'

# An epoch has 195 optimizer steps; the average remembers 1,000.
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.001,  # decay 0.999
        warmup='linear',
        warmup_iters=975,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=None,  # never: plain EMA
    ),
]
