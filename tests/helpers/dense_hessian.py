"""Models in float64 whose whole Hessian can be written down, and is."""

import copy

import torch
from torch import nn
from torch.func import functional_call, hessian
from torch.nn.attention import SDPBackend, sdpa_kernel

SIZES = (5, 2, 8)  # of the batches


class Attention(nn.Module):
    """Tokens that attend to each other, with torch's fused kernels."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(3, 9)
        self.head = nn.Linear(3, 3)

    def forward(self, tokens):
        parts = self.mix(tokens).unflatten(-1, (3, 1, 3)).transpose(1, 3)
        mixed = nn.functional.scaled_dot_product_attention(*parts.unbind(2))
        return self.head(mixed.mean(dim=(1, 2)))


class BatchStatistics(nn.Module):
    """A BatchNorm layer in training mode, in elementary operations.

    torch.func's own second derivatives of ``batch_norm`` are wrong there:
    they are not even symmetric (torch 2.8).
    """

    def __init__(self, layer):
        super().__init__()
        self.weight, self.bias, self.eps = layer.weight, layer.bias, layer.eps

    def forward(self, x):
        center = x - x.mean((0, 2, 3), keepdim=True)
        variance = (center**2).mean((0, 2, 3), keepdim=True)
        scale, shift = self.weight[:, None, None], self.bias[:, None, None]
        return center / (variance + self.eps).sqrt() * scale + shift


class Quadratic(nn.Module):
    """Gives its weights to each sample, for :func:`quadratic_loss`."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, inputs):
        return self.weights.expand(len(inputs), -1)


def quadratic_loss(matrix):
    """Half the mean of (w - t)' A (w - t): the Hessian is A everywhere."""

    def loss(outputs, targets):
        apart = outputs - targets
        return ((apart @ matrix) * apart).sum(dim=1).mean() / 2

    return loss


def quadratic(size=6, seed=0):
    """A model, loss, batches, and the matrix and gradient of them."""
    generator = torch.Generator().manual_seed(seed)
    draw = [
        torch.randn(n, size, generator=generator, dtype=torch.float64)
        for n in (size, 1, *SIZES)
    ]
    matrix = (draw[0] + draw[0].T) / 2
    targets = draw[2:]
    model = Quadratic(draw[1][0])
    gradient = matrix @ (draw[1][0] - torch.cat(targets).mean(dim=0))
    batches = [(t, t) for t in targets]
    return model, quadratic_loss(matrix), batches, matrix, gradient


def network(kind):
    """A classifier of three classes, and batches of unequal sizes for it."""
    torch.manual_seed(1)
    model = {
        'mlp': lambda: nn.Sequential(
            nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)
        ),
        'batch norm': lambda: nn.Sequential(
            nn.Conv2d(1, 2, 2),
            nn.BatchNorm2d(2),
            nn.Softplus(),
            nn.Dropout(0.5),
            nn.Flatten(),
            nn.Linear(8, 3),
        ),
        'attention': Attention,
    }[kind]()
    shape = {'mlp': (3,), 'batch norm': (1, 3, 3), 'attention': (4, 3)}[kind]
    batches = [
        (1 + 2 * torch.randn(n, *shape).double(), torch.randint(0, 3, (n,)))
        for n in SIZES
    ]
    return model.double(), batches


def dense_hessian(model, batches, mode='eval', weights=None):
    """The Hessian of the mean cross-entropy, from torch.func.

    ``weights`` are those of the sums over each batch; by default all samples
    have the same.
    """
    model = copy.deepcopy(model).eval()
    if mode == 'train':
        for name, layer in list(model.named_children()):
            if isinstance(layer, nn.BatchNorm2d):
                setattr(model, name, BatchStatistics(layer))
    parameters = dict(model.named_parameters())
    shapes = {name: p.shape for name, p in parameters.items()}
    sizes = [p.numel() for p in parameters.values()]
    samples = sum(len(targets) for _, targets in batches)
    weights = weights or [1 / samples] * len(batches)

    def loss(vector):
        parts = zip(shapes.items(), vector.split(sizes))
        values = {name: part.view(shape) for (name, shape), part in parts}
        return sum(
            weight
            * nn.functional.cross_entropy(
                functional_call(model, values, (inputs,)),
                targets,
                reduction='sum',
            )
            for weight, (inputs, targets) in zip(weights, batches)
        )

    point = torch.cat([p.detach().flatten() for p in parameters.values()])
    with sdpa_kernel(SDPBackend.MATH):
        return hessian(loss)(point)
