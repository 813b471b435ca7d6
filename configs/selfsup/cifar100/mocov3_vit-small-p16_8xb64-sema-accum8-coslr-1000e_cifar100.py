_base_ = './mocov3_vit-small-p16_8xb64-accum8-coslr-1000e_cifar100.py'

# 4,900 iterations lie between two switches; the target remembers 800 at first,
# twice as many in epoch 500, and then ever more.
custom_hooks = [
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=50,
        switch_end=500,
        evaluate_on_target=True,
    )
]
