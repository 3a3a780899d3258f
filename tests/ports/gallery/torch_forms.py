"""What people also write in torch, and networks that no port can be compared with."""

import torch
from torch import nn
from torch.nn import functional
from torch_nets import with_sgd


class _Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.last = nn.Embedding(20, 6), nn.Linear(6, 20, bias=False)
        self.last.weight = self.embedding.weight

    def forward(self, tokens):
        return self.last(self.embedding(tokens)).mean(1)


def tied():
    return with_sgd(_Tied())


class _Perceptron(nn.Module):
    def __init__(self, between=lambda x, training: x):
        super().__init__()
        self.first, self.last, self.between = nn.Linear(64, 16), nn.Linear(16, 10), between

    def forward(self, x):
        return self.last(self.between(torch.relu(self.first(x)), self.training))


def dropout_function(rate=0.2):
    return with_sgd(_Perceptron(lambda x, training: functional.dropout(x, rate, training)))


def dropout_function_of_another_rate():
    return dropout_function(0.3)


def first_layer_frozen():
    module = _Perceptron()
    module.first.weight.requires_grad_(False)
    return with_sgd(module)


def weight_norm():
    module = _Perceptron()
    module.first = nn.utils.parametrizations.weight_norm(module.first)
    return with_sgd(module)


def norm_without_variables():
    return with_sgd(nn.Sequential(nn.Linear(64, 8), nn.LayerNorm(8, elementwise_affine=False)))


def volumes():
    return with_sgd(nn.Sequential(nn.Conv3d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(81, 4)))


def no_number():
    return with_sgd(_Perceptron(lambda x, _training: x * float("nan")))


def loss_of_zero():
    return with_sgd(_Perceptron(), loss=lambda logits, _labels: 0 * logits.sum())
