_base_ = [
    './deit-small_8xb128-coslr-300e_in1k.py',
    './_base_/sema-adamw-bs1024.py',
]
