_base_ = './imdb-wiki_bs256.py'

load, crop, flip, pack = _base_.train_pipeline
train_pipeline = [
    load,
    crop,
    flip,
    dict(
        type='RandAugment',
        policies='timm_increasing',
        num_policies=2,
        total_level=10,
        magnitude_level=9,
        magnitude_std=0.5,
        hparams=dict(pad_val=[104, 116, 124], interpolation='bicubic'),
    ),
    pack,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
