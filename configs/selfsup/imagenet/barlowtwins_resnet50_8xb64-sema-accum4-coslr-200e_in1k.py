_base_ = './barlowtwins_resnet50_8xb64-accum4-coslr-200e_in1k.py'

# An epoch has 625.75 optimizer steps; the average remembers 200.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.005,  # decay 0.995
        warmup='linear',
        warmup_iters=3129,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
    )
]
