_base_ = './mocov2_resnet50_4xb64-amp-coslr-1000e_stl10.py'

# The average is the model's own: its momentum network is evaluated.
custom_hooks = [
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=None,  # never: plain EMA
        evaluate_on_target=True,
    )
]
