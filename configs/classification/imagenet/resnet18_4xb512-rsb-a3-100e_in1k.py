_base_ = './resnet50_8xb256-rsb-a3-100e_in1k.py'

model = dict(backbone=dict(depth=18), head=dict(in_channels=512))

# 4 GPUs x 512 = 2048
train_dataloader = dict(batch_size=512)
