_base_ = './mae_vit-small-p16_8xb128-accum8-coslr-1000e_stl10.py'

# An epoch has 12.25 optimizer steps; the average remembers 2.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.5,  # decay 0.5
        warmup='linear',
        warmup_iters=61,  # 5 epochs
        warmup_ratio=0.9,
        switch_interval=1,  # after every epoch,
        switch_begin=5,  # from the sixth on
    )
]
