_base_ = './barlowtwins_resnet18_8xb256-amp-coslr-1000e_cifar100.py'

# An epoch has 25 optimizer steps; the average remembers 5.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.2,  # decay 0.8
        warmup='linear',
        warmup_iters=125,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
    )
]
