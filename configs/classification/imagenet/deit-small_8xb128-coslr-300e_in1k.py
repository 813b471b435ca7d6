_base_ = './deit-tiny_8xb128-coslr-300e_in1k.py'

model = dict(backbone=dict(arch='deit-small'), head=dict(in_channels=384))
