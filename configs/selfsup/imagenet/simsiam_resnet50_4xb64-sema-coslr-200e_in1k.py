_base_ = './simsiam_resnet50_4xb64-coslr-200e_in1k.py'

# An epoch has 5,004 optimizer steps; the average remembers 1,000.
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.001,  # decay 0.999
        warmup='linear',
        warmup_iters=25020,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
    ),
]
