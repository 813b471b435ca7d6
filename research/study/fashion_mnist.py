"""Does Switch EMA help? What ``research.study`` does on Fashion-MNIST."""

# The files of Fashion-MNIST; where they are not, those of Debian's package
# dataset-fashion-mnist. The last images of the training file are for the
# validation, on which each method's momentum is chosen.
data = dict(root='data/fashion_mnist/', images=60000, validation=5000)
batch_size = 250
epochs = 8

# Seeds that only choose, and the epochs that an average remembers, of which
# they choose: momentum = 1 / (window * iterations of an epoch).
selection_seeds = [100, 101]
windows = [0.03, 0.1, 0.3, 1, 3]
all_windows = [0.01, *windows, 10]
# SWA averages the ends of the epochs from this one on, counted from 1.
swa_begin = 6
# Step and period of Lookahead, which are the defaults of its paper.
lookahead = dict(alpha=0.5, k=5)
# Training batches from which the statistics of BatchNorm are estimated again.
recalibration_batches = 20

# Seeds that report are 0 to `seeds` - 1.
sgd = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4)
adamw = dict(type='AdamW', lr=2e-3, weight_decay=0.05)
cnn = dict(network='cnn', optimizer=sgd, schedule='cosine', seeds=5)
settings = {
    'cnn-sgd-cosine': dict(
        cnn,
        seeds=10,
        windows=all_windows,
        # Iterations from a switch to the next, beside one epoch.
        intervals=[50, 110, 1100],
    ),
    'cnn-sgd-constant': dict(
        cnn, optimizer=dict(sgd, lr=0.05), schedule='constant'
    ),
    'resnet-sgd-cosine': dict(cnn, network='resnet'),
    'vit-adamw-cosine': dict(
        cnn,
        network='vit',
        optimizer=adamw,
        warmup_epochs=1,
    ),
    # Labels of the training that are wrong, with the momenta of clean ones.
    'cnn-sgd-cosine-noise20': dict(
        cnn, label_noise=0.2, momenta_of='cnn-sgd-cosine'
    ),
    'cnn-sgd-cosine-noise40': dict(
        cnn, label_noise=0.4, momenta_of='cnn-sgd-cosine'
    ),
}
