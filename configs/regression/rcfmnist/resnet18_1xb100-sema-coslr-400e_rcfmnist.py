_base_ = ['./resnet18_1xb100-coslr-400e_rcfmnist.py', './_base_/sema.py']
