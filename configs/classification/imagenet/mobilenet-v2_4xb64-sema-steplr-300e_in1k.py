_base_ = [
    './mobilenet-v2_4xb64-steplr-300e_in1k.py',
    './_base_/sema-sgd-bs256.py',
]
