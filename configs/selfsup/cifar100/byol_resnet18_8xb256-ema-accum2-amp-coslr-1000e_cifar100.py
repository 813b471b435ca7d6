_base_ = './byol_resnet18_8xb256-accum2-amp-coslr-1000e_cifar100.py'

# The average is the model's own: its momentum network is evaluated.
custom_hooks = [
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=None,  # never: plain EMA
        evaluate_on_target=True,
    )
]
