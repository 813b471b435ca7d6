_base_ = './stl10_knn.py'

# For models that see images of 224 pixels.
test_pipeline = [
    dict(type='ResizeEdge', scale=224, interpolation='bicubic'),
    dict(type='PackInputs'),
]
bank = dict(dataset=dict(pipeline=test_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_cfg = dict(bank=bank)
test_cfg = dict(bank=bank)
