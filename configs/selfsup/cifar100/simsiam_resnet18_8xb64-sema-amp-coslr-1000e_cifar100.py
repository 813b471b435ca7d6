_base_ = './simsiam_resnet18_8xb64-amp-coslr-1000e_cifar100.py'

# An epoch has 97 optimizer steps; the average remembers 20.
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.05,  # decay 0.95
        warmup='linear',
        warmup_iters=485,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
    ),
]
