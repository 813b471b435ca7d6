_base_ = './_base_/resnet18-w16_rcfmnist-10k.py'

# An epoch has 100 steps; the average remembers 20, a fifth.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=0.05,  # decay 0.95
        switch_interval=1,  # after every epoch
        evaluate_on_origin=True,
    )
]
