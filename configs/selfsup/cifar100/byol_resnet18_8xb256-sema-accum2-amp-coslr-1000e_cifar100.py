_base_ = './byol_resnet18_8xb256-accum2-amp-coslr-1000e_cifar100.py'

# 1,250 iterations lie between two switches; the target remembers 200 at first,
# twice as many in epoch 500, and then ever more.
custom_hooks = [
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=50,
        switch_end=500,
        evaluate_on_target=True,
    )
]
