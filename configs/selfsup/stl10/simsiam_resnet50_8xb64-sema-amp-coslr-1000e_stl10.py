_base_ = './simsiam_resnet50_8xb64-amp-coslr-1000e_stl10.py'

# An epoch has 195 optimizer steps; the average remembers 50.
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.02,  # decay 0.98
        warmup='linear',
        warmup_iters=975,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
    ),
]
