"""Networks of images in torch: right ports, and ports with one classic mistake each."""

import torch
from torch import nn
from torch.nn import functional
from torch_nets import with_sgd


def _lenet(pool):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        pool,
        nn.Conv2d(4, 8, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(200, 16),
        nn.Tanh(),
        nn.Linear(16, 5),
    )


def lenet():
    pool = nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)
    return with_sgd(_lenet(pool), lr=0.05, momentum=0.9)


def lenet_pool_counts_padding():
    return with_sgd(_lenet(nn.AvgPool2d(3, 1, padding=1)), lr=0.05, momentum=0.9)


def lenet_max_pool():
    return with_sgd(_lenet(nn.MaxPool2d(3, 1, padding=1)), lr=0.05, momentum=0.9)


class _Mixed(nn.Module):
    """Flattens its maps with height and width swapped: no order of its weights undoes the mix."""

    def __init__(self):
        super().__init__()
        self.net = _lenet(nn.AvgPool2d(3, 1, padding=1, count_include_pad=False))

    def forward(self, x):
        x = self.net[:6](x)
        return self.net[7:](x.transpose(2, 3).flatten(1))


def lenet_flatten_order():
    return with_sgd(_Mixed(), lr=0.05, momentum=0.9)


class _Strided(nn.Module):
    def __init__(self, padding):
        super().__init__()
        self.padding = padding
        self.conv = nn.Conv2d(2, 4, 3, stride=2, padding=0 if padding else 1)
        self.last = nn.Linear(144, 5)

    def forward(self, x):
        if self.padding:
            x = functional.pad(x, self.padding)
        return self.last(torch.relu(self.conv(x)).flatten(1))


def strided():
    return with_sgd(_Strided((0, 1, 0, 1)))


def strided_symmetric():
    return with_sgd(_Strided(None))


class _ResNet(nn.Module):
    def __init__(self, *, shortcut=True, **norm):
        super().__init__()
        options = {"eps": 1e-3, "momentum": 0.01} | norm
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4, **options)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(4, **options)
        self.last = nn.Linear(4, 5)
        self.shortcut = shortcut

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(x))
        x = torch.relu(y + x if self.shortcut else y)
        return self.last(x.mean((2, 3)))


def resnet(**options):
    return with_sgd(_ResNet(**options), lr=0.05, momentum=0.9)


def resnet_epsilon():
    return resnet(eps=1e-5)


def resnet_momentum():
    return resnet(momentum=0.99)


def resnet_no_shortcut():
    return resnet(shortcut=False)


class _AlwaysTraining(_ResNet):
    def train(self, mode=True):
        return super().train(True)


def resnet_never_eval():
    return with_sgd(_AlwaysTraining(), lr=0.05, momentum=0.9)
