_base_ = './mocov2_resnet50_4xb64-coslr-200e_in1k.py'

# 5,004 iterations lie between two switches, the target remembers 1,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=1,
        evaluate_on_target=True,
    )
]
