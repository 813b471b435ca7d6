_base_ = './mocov2_resnet50_4xb64-amp-coslr-1000e_stl10.py'

# 9,750 iterations lie between two switches, the target remembers 1,000.
custom_hooks = [
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=25,
        evaluate_on_target=True,
    )
]
