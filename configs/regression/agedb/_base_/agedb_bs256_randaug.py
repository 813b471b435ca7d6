_base_ = './agedb_bs256.py'

train_dataloader = dict(dataset=dict(pipeline=_base_.randaug_pipeline))
