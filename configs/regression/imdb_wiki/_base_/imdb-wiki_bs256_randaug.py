_base_ = './imdb-wiki_bs256.py'

train_dataloader = dict(dataset=dict(pipeline=_base_.randaug_pipeline))
