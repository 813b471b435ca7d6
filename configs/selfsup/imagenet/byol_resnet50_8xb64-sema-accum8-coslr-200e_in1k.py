_base_ = './byol_resnet50_8xb64-accum8-coslr-200e_in1k.py'

# 5,006 iterations lie between two switches; the target remembers 800 at first,
# twice as many in epoch 100, and then ever more.
custom_hooks = [
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=2,
        switch_end=100,
        evaluate_on_target=True,
    )
]
