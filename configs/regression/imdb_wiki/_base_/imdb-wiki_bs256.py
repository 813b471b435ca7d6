_base_ = '../../_base_/faces_bs256.py'

dataset_type = 'sema_mm.tasks.regression.IMDBWiki'
train_dataloader = dict(dataset=dict(type=dataset_type, ann_file='train.txt'))
val_dataloader = dict(dataset=dict(type=dataset_type, ann_file='val.txt'))
test_dataloader = dict(dataset=dict(type=dataset_type, ann_file='test.txt'))
