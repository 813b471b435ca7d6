_base_ = '../../_base_/faces_bs256.py'

dataset_type = 'sema_mm.tasks.regression.AgeDB'
train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        split='train',
        pipeline=_base_.train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        split='val',
        pipeline=_base_.test_pipeline,
    )
)
test_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        split='test',
        pipeline=_base_.test_pipeline,
    )
)
