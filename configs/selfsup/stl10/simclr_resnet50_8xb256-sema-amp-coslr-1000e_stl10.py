_base_ = './simclr_resnet50_8xb256-amp-coslr-1000e_stl10.py'

# An epoch has 49 optimizer steps; the average remembers 10.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.1,  # decay 0.9
        warmup='linear',
        warmup_iters=245,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
    )
]
