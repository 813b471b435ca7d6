# dataset settings
dataset_type = 'sema_mm.tasks.regression.RCFMNIST'
# The authors' values, as fractions: mean 0.4914, 0.4822, 0.4465, standard
# deviation 0.2023, 0.1994, 0.201. Images are made as RGB.
data_preprocessor = dict(
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
    to_rgb=False,
)
train_pipeline = [
    dict(type='RandomCrop', crop_size=32, padding=2),
    dict(type='PackInputs'),
]
test_pipeline = [dict(type='PackInputs')]
train_dataloader = dict(
    batch_size=100,
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        split='train',
        colours='angle',
        pipeline=train_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
# In the validation the colour says nothing, in the test it misleads.
val_dataloader = dict(
    batch_size=100,
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        split='test',
        colours='random',
        pipeline=test_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = dict(
    batch_size=100,
    num_workers=4,
    dataset=dict(
        type=dataset_type,
        split='test',
        colours='reversed',
        pipeline=test_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_evaluator = dict(
    type='sema_mm.tasks.regression.RegressionMetric',
    items=('mae', 'mse', 'rmse'),
    period=360,
)
test_evaluator = val_evaluator
