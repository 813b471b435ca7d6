_base_ = '../../_base_/faces_bs256.py'

dataset_type = 'sema_mm.tasks.regression.AgeDB'
train_dataloader = dict(dataset=dict(type=dataset_type, split='train'))
val_dataloader = dict(dataset=dict(type=dataset_type, split='val'))
test_dataloader = dict(dataset=dict(type=dataset_type, split='test'))
