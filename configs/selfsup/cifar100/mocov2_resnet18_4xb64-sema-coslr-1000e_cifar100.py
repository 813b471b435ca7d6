_base_ = './mocov2_resnet18_4xb64-coslr-1000e_cifar100.py'

# 4,875 iterations lie between two switches, the target remembers 1,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=25,
        evaluate_on_target=True,
    )
]
