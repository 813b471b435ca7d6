_base_ = './retinanet_r50_fpn_adamw-1x_coco.py'

# An epoch of COCO has 7,330 steps at batch size 16.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=5e-4,  # decay 0.9995: remembers 2,000 steps
        switch_interval=1,  # after every epoch
    )
]
