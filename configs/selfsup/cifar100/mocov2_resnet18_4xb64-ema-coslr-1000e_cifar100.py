_base_ = './mocov2_resnet18_4xb64-coslr-1000e_cifar100.py'

# The average is the model's own: its momentum network is evaluated.
custom_hooks = [
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=None,  # never: plain EMA
        evaluate_on_target=True,
    )
]
