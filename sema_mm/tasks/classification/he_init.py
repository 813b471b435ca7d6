"""He's initialization, that of DenseNet and of Wide ResNet."""

__all__ = ['HE_INIT']

#: For convolutions by their outputs (arXiv 1502.01852); norms start as
#: identities.
HE_INIT = [
    dict(type='Kaiming', layer='Conv2d', mode='fan_out'),
    dict(type='Constant', layer='_BatchNorm', val=1.0, bias=0.0),
]
