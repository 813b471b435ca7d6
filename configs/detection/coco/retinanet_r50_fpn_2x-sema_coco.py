_base_ = './retinanet_r50_fpn_2x_coco.py'

# An epoch of COCO has 7,330 steps at batch size 16.
custom_hooks = [
    dict(
        type='sema_mm.SwitchEMAHook',
        momentum=1e-3,  # decay 0.999: remembers 1,000 steps
        switch_interval=1,  # after every epoch
        switch_begin=5,  # first switch after epoch 6
        warmup='linear',
        warmup_iters=36650,  # 5 epochs
        warmup_ratio=0.9,
    )
]
