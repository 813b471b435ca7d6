# What all methods have on STL-10: where the images are, and the nearest
# neighbours. None of it is in mmpretrain's recipes.
test_pipeline = [dict(type='PackInputs')]
bank = dict(
    batch_size=256,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='sema_mm.tasks.selfsup.STL10',
        data_root='data/stl10/',
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
        type='sema_mm.tasks.selfsup.STL10',
        data_root='data/stl10/',
        split='test',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, 5), prefix='knn')
test_evaluator = val_evaluator
val_cfg = dict(
    type='sema_mm.tasks.selfsup.KNNValLoop', bank=bank, k=20, temperature=0.07
)
test_cfg = dict(
    type='sema_mm.tasks.selfsup.KNNTestLoop', bank=bank, k=20, temperature=0.07
)
