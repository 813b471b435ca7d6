_base_ = './deit-base_8xb128-coslr-300e_in1k.py'

# An epoch has 1,252 optimizer steps; the average remembers 25,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=4e-5,  # decay 0.99996
        warmup='linear',
        warmup_iters=20 * 1252,  # 20 epochs
        warmup_ratio=0.9,
        switch_interval=None,  # never: plain EMA
    )
]
