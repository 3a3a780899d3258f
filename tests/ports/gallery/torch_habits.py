"""More habits of people who write torch: the same in other words, and mistakes that hide."""

import torch
from torch import nn
from torch.nn import functional
from torch_nets import with_sgd


def images(activation=None, pool=None, norm=None):
    """A pool right before the maps are flattened: its mistakes reach the next layer in a row."""
    between = (norm or nn.Identity(), activation or nn.ReLU(), pool or nn.MaxPool2d(2))
    return with_sgd(
        nn.Sequential(nn.Conv2d(2, 4, 3), *between, nn.Flatten(), nn.Linear(100, 3)), lr=0.1
    )


def images_averaged():
    return images(pool=nn.AvgPool2d(2))


def images_silu():
    return images(nn.SiLU())


def images_elu():
    return images(nn.ELU())


def images_elu_of_half():
    return images(nn.ELU(0.5))


def images_in_groups():
    return images(norm=nn.GroupNorm(2, 4))


def images_in_more_groups():
    return images(norm=nn.GroupNorm(4, 4))


class _LayerNorm2d(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def images_layer_norm():
    return images(norm=_LayerNorm2d(4))


def images_padded():
    stack = (nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    return with_sgd(nn.Sequential(*stack, nn.Linear(144, 3)))


class _Pooled(nn.Module):
    def __init__(self, pool, *, tokens):
        super().__init__()
        self.first = nn.Embedding(20, 6) if tokens else nn.Conv2d(2, 6, 3)
        self.last, self.pool = nn.Linear(6, 3), pool

    def forward(self, x):
        return self.last(self.pool(self.first(x)))


def places_averaged():
    return with_sgd(_Pooled(lambda x: x.relu().mean((2, 3)), tokens=False))


def places_at_their_maximum():
    return with_sgd(_Pooled(lambda x: x.relu().amax((2, 3)), tokens=False))


class _Functions(nn.Module):
    """A convolution without a layer."""

    def __init__(self):
        super().__init__()
        self.kernel, self.bias = nn.Parameter(torch.randn(6, 2, 3, 3)), nn.Parameter(torch.zeros(6))
        self.matrix, self.shift = nn.Parameter(torch.randn(3, 6)), nn.Parameter(torch.zeros(3))

    def forward(self, x):
        x = functional.conv2d(x, self.kernel, self.bias).relu().mean((2, 3))
        return functional.linear(x, self.matrix, self.shift)


def places_by_functions():
    return with_sgd(_Functions())


def steps_averaged():
    return with_sgd(_Pooled(lambda x: x.mean(1), tokens=True))


def steps_at_their_maximum():
    return with_sgd(_Pooled(lambda x: x.amax(1), tokens=True))


class _Block(nn.Module):
    """Two ways that meet; the layers have numbers for names, in the order of their making."""

    def __init__(self, *, shortcut_first):
        super().__init__()
        convs = [
            nn.Conv2d(2, 4, 3, padding=1, bias=False),
            nn.Conv2d(4, 4, 3, padding=1, bias=False),
        ]
        ways = [convs[0], nn.BatchNorm2d(4), convs[1], nn.BatchNorm2d(4)]
        shortcut = [nn.Conv2d(2, 4, 1, bias=False), nn.BatchNorm2d(4)]
        self.layers = nn.ModuleList([*shortcut, *ways] if shortcut_first else [*ways, *shortcut])
        self.first, self.last = shortcut_first, nn.Linear(4, 3)

    def forward(self, x):
        shortcut, way = (self.layers[:2], self.layers[2:])
        if not self.first:
            shortcut, way = self.layers[4:], self.layers[:4]
        short = shortcut[1](shortcut[0](x)) if self.first else None
        y = way[3](way[2](way[1](way[0](x)).relu()))
        short = shortcut[1](shortcut[0](x)) if short is None else short
        return self.last((y + short).relu().mean((2, 3)))


def block():
    return with_sgd(_Block(shortcut_first=False))


def block_shortcut_first():
    return with_sgd(_Block(shortcut_first=True))


class _Norm(nn.Module):
    """A norm written by hand."""

    def __init__(self):
        super().__init__()
        self.a_2, self.b_2 = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))

    def forward(self, x):
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
        return self.a_2 * (x - mean) / torch.sqrt(variance + 1e-5) + self.b_2


def _normed(norm):
    return with_sgd(nn.Sequential(nn.Linear(6, 8), norm, nn.ReLU(), nn.Linear(8, 3)))


def norm():
    return _normed(nn.LayerNorm(8))


def norm_by_hand():
    return _normed(_Norm())


def norm_in_groups():
    return _normed(nn.GroupNorm(2, 8))


def norm_of_the_batch():
    return _normed(nn.BatchNorm1d(8))


class _Token(nn.Module):
    """A first token and the places, parameters of the network itself or of layers."""

    def __init__(self, *, own, take=0, epsilon=1e-6):
        super().__init__()
        shapes = ((1, 1, 8), (1, 7, 8)) if own else ((8,), (7, 8))
        rows = [nn.Parameter(torch.randn(shape) * 0.1) for shape in shapes]
        if own:
            self.token, self.places = rows
        else:
            self.embedded = nn.ParameterList(rows)
        self.inner, self.norm = nn.Linear(5, 8), nn.LayerNorm(8, epsilon)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.last, self.take, self.own = nn.Linear(8, 3), take, own

    def forward(self, x):
        token, places = (self.token, self.places) if self.own else self.embedded
        x = torch.cat([token.expand(len(x), 1, 8), self.inner(x)], 1) + places
        y = self.norm(x)
        x = x + self.attention(y, y, y)[0]
        return self.last(x.mean(1) if self.take is None else x[:, self.take])


def token():
    return with_sgd(_Token(own=True))


def token_of_a_layer():
    return with_sgd(_Token(own=False))


def token_averaged():
    return with_sgd(_Token(own=True, take=None))


def token_epsilon():
    return with_sgd(_Token(own=True, epsilon=1e-5))


def images_prelu():
    return images(nn.PReLU(4))


class _Gray(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(1, 3, 3), nn.Linear(72, 3)

    def forward(self, x):
        return self.last(self.conv(x.unsqueeze(1)).relu().flatten(1))


def gray():
    return with_sgd(_Gray())


def steps():
    stack = (nn.Conv1d(3, 4, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten())
    return with_sgd(nn.Sequential(*stack, nn.Linear(20, 3)))


def steps_averaged_in_windows():
    stack = (nn.Conv1d(3, 4, 3), nn.ReLU(), nn.AvgPool1d(2), nn.Flatten())
    return with_sgd(nn.Sequential(*stack, nn.Linear(20, 3)))
