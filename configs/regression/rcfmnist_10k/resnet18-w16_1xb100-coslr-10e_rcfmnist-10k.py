_base_ = './_base_/resnet18-w16_rcfmnist-10k.py'
