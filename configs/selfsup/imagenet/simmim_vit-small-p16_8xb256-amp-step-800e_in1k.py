_base_ = './_base_/simmim.py'

train_dataloader = dict(batch_size=256)
