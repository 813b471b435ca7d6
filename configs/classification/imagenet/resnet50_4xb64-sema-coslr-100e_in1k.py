_base_ = ['./resnet50_4xb64-coslr-100e_in1k.py', './_base_/sema-sgd-bs256.py']
