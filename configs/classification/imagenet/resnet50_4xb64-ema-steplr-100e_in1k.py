_base_ = ['./resnet50_4xb64-steplr-100e_in1k.py', './_base_/ema-sgd-bs256.py']
