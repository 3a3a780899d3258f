"""One half of pairs across frameworks: `keras_pairs`, `flax_pairs`."""

import torch
from torch import nn
from torch.nn import functional
from torch_nets import with_sgd


class _Viewed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 5), nn.Conv2d(4, 6, 5)
        self.last = nn.Linear(96, 10)

    def forward(self, x):
        x = functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.last(x.view(-1, 96))


def viewed():
    return with_sgd(_Viewed(), lr=0.1)


class _ImagesInARow(nn.Module):
    """Takes (batch, steps, channels, height, width)."""

    def __init__(self):
        super().__init__()
        self.conv, self.lstm = nn.Conv2d(1, 4, 3), nn.LSTM(4, 6, batch_first=True)
        self.lstm.bias_hh_l0.requires_grad_(False)
        self.last = nn.Linear(6, 3)

    def forward(self, x):
        batch, steps = x.shape[:2]
        x = torch.relu(self.conv(x.flatten(0, 1))).mean((2, 3))
        _, (h, _) = self.lstm(x.reshape(batch, steps, -1))
        return self.last(h[-1])


def images_in_a_row():
    return with_sgd(_ImagesInARow(), lr=0.1)


def one_value():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))


_WEIGHTS = torch.tensor([1.0, 2.0, 1.0])


def _weighted(logits, labels):
    return functional.cross_entropy(logits, labels, weight=_WEIGHTS)


def _layers():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def weights_made_once():
    module = _layers()
    return module, torch.optim.SGD(module.parameters(), 0.1), _weighted


def all_trained():
    return with_sgd(_layers(), lr=0.1)


def last_trained():
    module = _layers()
    module[0].requires_grad_(False)
    return module, torch.optim.SGD(module[2].parameters(), 0.1), nn.CrossEntropyLoss()


class _PlacesFirst(nn.Module):
    """The table of places is made before that of tokens, and is longer."""

    def __init__(self):
        super().__init__()
        self.places, self.tokens = nn.Embedding(64, 8), nn.Embedding(20, 8)
        self.up, self.last = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        return self.last(torch.tanh(self.up(x)).mean(1))


def places_first():
    return with_sgd(_PlacesFirst(), lr=0.1)


class _Sines(nn.Module):
    """A table that is not trained beside a parameter that is, in one module."""

    def __init__(self, rate):
        super().__init__()
        self.inner, self.last = nn.Linear(5, 8), nn.Linear(8, 3)
        self.token = nn.Parameter(torch.randn(1, 1, 8) * 0.1)
        angle = torch.arange(13)[:, None] * torch.exp(-torch.arange(4) * rate)
        self.register_buffer("places", torch.cat([angle.sin(), angle.cos()], -1))

    def forward(self, x):
        x = torch.cat([self.token.expand(len(x), 1, 8), self.inner(x)], 1)
        return self.last(torch.tanh(x + self.places[: x.shape[1]]).mean(1))


def sines():
    return with_sgd(_Sines(2.0), lr=0.1)


def sines_of_another_rate():
    return with_sgd(_Sines(1.0), lr=0.1)


class _Concatenated(nn.Module):
    def __init__(self):
        super().__init__()
        self.early, self.late = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.conv, self.last = nn.Conv2d(8, 3, 3, padding=1), nn.Linear(3, 3)

    def forward(self, x):
        early = torch.relu(self.early(x))
        late = torch.relu(self.late(early))
        return self.last(self.conv(torch.cat([early, late], 1)).mean((2, 3)))


def concatenated_the_other_way():
    return with_sgd(_Concatenated(), lr=0.1)
