_base_ = './barlowtwins_resnet50_8xb128-amp-coslr-1000e_stl10.py'

# An epoch has 98 optimizer steps; the average remembers 20.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.05,  # decay 0.95
        warmup='linear',
        warmup_iters=490,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
    )
]
