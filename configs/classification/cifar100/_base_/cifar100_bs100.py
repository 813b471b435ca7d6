_base_ = 'mmpretrain::_base_/datasets/cifar100_bs16.py'

# The authors' values, as fractions: mean 0.4914, 0.4822, 0.4465, standard
# deviation 0.2023, 0.1994, 0.201. Images are loaded as RGB.
data_preprocessor = dict(
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
)
train_pipeline = [
    dict(type='RandomCrop', crop_size=32, padding=4, padding_mode='reflect'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=100, num_workers=4, dataset=dict(pipeline=train_pipeline)
)
val_dataloader = dict(batch_size=100, num_workers=4)
val_evaluator = dict(topk=(1, 5))
test_dataloader = val_dataloader
test_evaluator = val_evaluator
