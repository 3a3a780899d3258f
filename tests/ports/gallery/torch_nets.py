"""Perceptrons in torch: right ports, and ports with one classic mistake each."""

import torch
from torch import nn
from torch.nn import functional


def with_sgd(module, lr=0.1, loss=None, **options):
    return module, torch.optim.SGD(module.parameters(), lr=lr, **options), loss or _cross_entropy()


def _cross_entropy(**options):
    return nn.CrossEntropyLoss(**options)


def _mlp(*ends, activation=None, bias=True):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 16, bias=bias),
        activation or nn.ReLU(),
        nn.Linear(16, 10),
        *ends,
    )


def mlp():
    return with_sgd(_mlp())


def mlp_softmax_twice():
    return with_sgd(_mlp(nn.Softmax(dim=-1)))


def mlp_nll_of_probabilities():
    return with_sgd(_mlp(nn.Softmax(dim=-1)), loss=nn.NLLLoss())


def mlp_log_softmax():
    return with_sgd(_mlp(nn.LogSoftmax(dim=-1)), loss=nn.NLLLoss())


def mlp_learning_rate():
    return with_sgd(_mlp(), lr=0.01)


def mlp_no_bias():
    return with_sgd(_mlp(bias=False))


def mlp_label_smoothing():
    return with_sgd(_mlp(), loss=_cross_entropy(label_smoothing=0.1))


def mlp_own_label_smoothing():
    def smoothed(logits, labels):
        logs = functional.log_softmax(logits, -1)
        exact = functional.nll_loss(logs, labels)
        return 0.9 * exact - 0.1 * logs.mean()

    return with_sgd(_mlp(), loss=smoothed)


def mlp_summed():
    return with_sgd(_mlp(), loss=_cross_entropy(reduction="sum"))


def mlp_own_sum():
    return with_sgd(
        _mlp(), loss=lambda logits, labels: functional.cross_entropy(logits, labels) * len(labels)
    )


def mlp_l2_in_loss():
    module = _mlp()

    def penalised(logits, labels):
        penalty = sum((weight**2).sum() for weight in module.parameters() if weight.ndim > 1)
        return functional.cross_entropy(logits, labels) + 0.01 * penalty

    return with_sgd(module, loss=penalised)


def mlp_adam():
    module = _mlp()
    return module, torch.optim.Adam(module.parameters(), lr=1e-3), _cross_entropy()


def mlp_decay():
    module = _mlp()
    flat = [one for one in module.parameters() if one.ndim == 1]
    kernels = [one for one in module.parameters() if one.ndim > 1]
    groups = [{"params": kernels, "weight_decay": 0.1}, {"params": flat, "weight_decay": 0.0}]
    return module, torch.optim.SGD(groups, lr=0.1), _cross_entropy()


def mlp_decay_of_biases():
    return with_sgd(_mlp(), weight_decay=0.1)


def mlp_momentum():
    return with_sgd(_mlp(), momentum=0.9, nesterov=True)


def mlp_without_nesterov():
    return with_sgd(_mlp(), momentum=0.9)


def mlp_gelu():
    return with_sgd(_mlp(activation=nn.GELU()))


def mlp_gelu_tanh():
    return with_sgd(_mlp(activation=nn.GELU(approximate="tanh")))


def mlp_leaky():
    return with_sgd(_mlp(activation=nn.LeakyReLU(0.3)))


def mlp_leaky_slope():
    return with_sgd(_mlp(activation=nn.LeakyReLU()))


class _Bfloat16(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(64, 16), nn.Linear(16, 10)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.last(torch.relu(self.first(x.flatten(1)))).float()


def mlp_bfloat16():
    return with_sgd(_Bfloat16())


class _Dropout(nn.Module):
    def __init__(self, rate, *, always=False):
        super().__init__()
        self.first, self.last = nn.Linear(64, 16), nn.Linear(16, 10)
        self.dropout, self.always, self.rate = nn.Dropout(rate), always, rate

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.last(functional.dropout(x, self.rate) if self.always else self.dropout(x))


def mlp_dropout():
    return with_sgd(_Dropout(0.2))


def mlp_dropout_left_on():
    return with_sgd(_Dropout(0.2, always=True))


def mlp_rate_for_keep():
    return with_sgd(_Dropout(0.8))


def mlp_frozen():
    module = _mlp()
    module[1].weight.requires_grad_(False)
    return with_sgd(module)
