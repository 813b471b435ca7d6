_base_ = ['./convnext-tiny_4xb64-coslr-200e_imdb-wiki.py', './_base_/sema.py']
