_base_ = ['./resnet50_4xb64-coslr-400e_agedb.py', './_base_/ema.py']
