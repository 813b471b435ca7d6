_base_ = './mocov3_vit-small-p16_8xb256-accum2-coslr-1000e_stl10.py'

# 1,225 iterations lie between two switches; the target remembers 200 at first,
# twice as many in epoch 500, and then ever more.
custom_hooks = [
    dict(
        type='sema_mm.SwitchTargetHook',
        switch_interval=25,
        switch_end=500,
        evaluate_on_target=True,
    )
]
