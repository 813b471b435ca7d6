# mmpretrain's recipe of DeiT-B is that of DeiT-T with an EMAHook.
_base_ = './deit-tiny_8xb128-coslr-300e_in1k.py'

model = dict(backbone=dict(arch='deit-base'), head=dict(in_channels=768))

train_dataloader = dict(sampler=dict(type='RepeatAugSampler', shuffle=True))
