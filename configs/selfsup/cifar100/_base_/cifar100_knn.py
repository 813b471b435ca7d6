# What all methods have on CIFAR-100: where the images are, and the nearest
# neighbours. None of it is in mmpretrain's recipes.
# The values of configs/classification/cifar100. Images are loaded as RGB.
pixels = dict(
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
    to_rgb=False,
)

test_pipeline = [
    dict(type='ResizeEdge', scale=224, interpolation='bicubic'),
    dict(type='PackInputs'),
]
bank = dict(
    batch_size=256,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='CIFAR100',
        data_root='data/cifar100/',
        split='train',
        pipeline=test_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='CIFAR100',
        data_root='data/cifar100/',
        split='test',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, 5), prefix='knn')
test_evaluator = val_evaluator
val_cfg = dict(
    type='sema_mm.tasks.selfsup.KNNValLoop', bank=bank, k=200, temperature=0.07
)
test_cfg = dict(
    type='sema_mm.tasks.selfsup.KNNTestLoop',
    bank=bank,
    k=200,
    temperature=0.07,
)
