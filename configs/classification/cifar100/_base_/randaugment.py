# RandAugment over the 14 operations of FixMatch (arXiv 2001.07685), each with
# probability 0.5. Images are RGB.
rand_augment = dict(
    type='RandAugment',
    num_policies=2,
    total_level=10,
    magnitude_level=7,
    magnitude_std=0.5,
    hparams=dict(pad_val=[114, 123, 125], interpolation='bicubic'),
    policies=[
        dict(type='AutoContrast'),
        dict(type='Brightness', magnitude_range=(0.05, 0.95)),
        dict(type='ColorTransform', magnitude_range=(0.05, 0.95)),
        dict(type='Contrast', magnitude_range=(0.05, 0.95)),
        dict(type='Equalize'),
        dict(type='AutoContrast', prob=0.0),  # the identity
        dict(type='Posterize', magnitude_range=(4, 8)),
        dict(type='Rotate', magnitude_range=(0, 30)),
        dict(type='Sharpness', magnitude_range=(0.05, 0.95)),
        dict(type='Shear', magnitude_range=(0, 0.3), direction='horizontal'),
        dict(type='Shear', magnitude_range=(0, 0.3), direction='vertical'),
        dict(type='Solarize', magnitude_range=(256, 0)),
        dict(
            type='Translate', magnitude_range=(0, 0.3), direction='horizontal'
        ),
        dict(type='Translate', magnitude_range=(0, 0.3), direction='vertical'),
    ],
)
