"""The same programs in torch: right ports, and ports with one classic mistake each."""

import torch
from torch import nn
from torch.nn import functional


def _with_sgd(module, lr=0.1, loss=None, **options):
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
    return _with_sgd(_mlp())


def mlp_softmax_twice():
    return _with_sgd(_mlp(nn.Softmax(dim=-1)))


def mlp_nll_of_probabilities():
    return _with_sgd(_mlp(nn.Softmax(dim=-1)), loss=nn.NLLLoss())


def mlp_log_softmax():
    return _with_sgd(_mlp(nn.LogSoftmax(dim=-1)), loss=nn.NLLLoss())


def mlp_learning_rate():
    return _with_sgd(_mlp(), lr=0.01)


def mlp_no_bias():
    return _with_sgd(_mlp(bias=False))


def mlp_label_smoothing():
    return _with_sgd(_mlp(), loss=_cross_entropy(label_smoothing=0.1))


def mlp_own_label_smoothing():
    def smoothed(logits, labels):
        logs = functional.log_softmax(logits, -1)
        exact = functional.nll_loss(logs, labels)
        return 0.9 * exact - 0.1 * logs.mean()

    return _with_sgd(_mlp(), loss=smoothed)


def mlp_summed():
    return _with_sgd(_mlp(), loss=_cross_entropy(reduction="sum"))


def mlp_own_sum():
    return _with_sgd(
        _mlp(), loss=lambda logits, labels: functional.cross_entropy(logits, labels) * len(labels)
    )


def mlp_l2_in_loss():
    module = _mlp()

    def penalised(logits, labels):
        penalty = sum((weight**2).sum() for weight in module.parameters() if weight.ndim > 1)
        return functional.cross_entropy(logits, labels) + 0.01 * penalty

    return _with_sgd(module, loss=penalised)


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
    return _with_sgd(_mlp(), weight_decay=0.1)


def mlp_momentum():
    return _with_sgd(_mlp(), momentum=0.9, nesterov=True)


def mlp_without_nesterov():
    return _with_sgd(_mlp(), momentum=0.9)


def mlp_gelu():
    return _with_sgd(_mlp(activation=nn.GELU()))


def mlp_gelu_tanh():
    return _with_sgd(_mlp(activation=nn.GELU(approximate="tanh")))


def mlp_leaky():
    return _with_sgd(_mlp(activation=nn.LeakyReLU(0.3)))


def mlp_leaky_slope():
    return _with_sgd(_mlp(activation=nn.LeakyReLU()))


class _Bfloat16(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(64, 16), nn.Linear(16, 10)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.last(torch.relu(self.first(x.flatten(1)))).float()


def mlp_bfloat16():
    return _with_sgd(_Bfloat16())


class _Dropout(nn.Module):
    def __init__(self, rate, *, always=False):
        super().__init__()
        self.first, self.last = nn.Linear(64, 16), nn.Linear(16, 10)
        self.dropout, self.always, self.rate = nn.Dropout(rate), always, rate

    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.last(functional.dropout(x, self.rate) if self.always else self.dropout(x))


def mlp_dropout():
    return _with_sgd(_Dropout(0.2))


def mlp_dropout_left_on():
    return _with_sgd(_Dropout(0.2, always=True))


def mlp_rate_for_keep():
    return _with_sgd(_Dropout(0.8))


def mlp_frozen():
    module = _mlp()
    module[1].weight.requires_grad_(False)
    return _with_sgd(module)


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
    return _with_sgd(_lenet(pool), lr=0.05, momentum=0.9)


def lenet_pool_counts_padding():
    return _with_sgd(_lenet(nn.AvgPool2d(3, 1, padding=1)), lr=0.05, momentum=0.9)


def lenet_max_pool():
    return _with_sgd(_lenet(nn.MaxPool2d(3, 1, padding=1)), lr=0.05, momentum=0.9)


class _Mixed(nn.Module):
    """Flattens its maps with height and width swapped: no order of its weights undoes the mix."""

    def __init__(self):
        super().__init__()
        self.net = _lenet(nn.AvgPool2d(3, 1, padding=1, count_include_pad=False))

    def forward(self, x):
        x = self.net[:6](x)
        return self.net[7:](x.transpose(2, 3).flatten(1))


def lenet_flatten_order():
    return _with_sgd(_Mixed(), lr=0.05, momentum=0.9)


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
    return _with_sgd(_Strided((0, 1, 0, 1)))


def strided_symmetric():
    return _with_sgd(_Strided(None))


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
    return _with_sgd(_ResNet(**options), lr=0.05, momentum=0.9)


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
    return _with_sgd(_AlwaysTraining(), lr=0.05, momentum=0.9)


class _Lstm(nn.Module):
    def __init__(self, *, both=False, batch_first=True):
        super().__init__()
        self.embedding = nn.Embedding(20, 6)
        self.lstm = nn.LSTM(6, 5, batch_first=batch_first)
        self.lstm.bias_hh_l0.requires_grad_(both)
        self.last = nn.Linear(5, 3)

    def forward(self, tokens):
        states, _ = self.lstm(self.embedding(tokens))
        return self.last(states[:, -1])


def lstm():
    return _with_sgd(_Lstm())


def lstm_both_biases():
    return _with_sgd(_Lstm(both=True))


def lstm_time_first():
    return _with_sgd(_Lstm(batch_first=False))


class _OwnLstm(nn.Module):
    def __init__(self, order):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(6, 20) * 0.3)
        self.recurrent_kernel = nn.Parameter(torch.randn(5, 20) * 0.3)
        self.bias = nn.Parameter(torch.zeros(20))
        self.order = order

    def forward(self, x):
        h = c = x.new_zeros(len(x), 5)
        for step in range(x.shape[1]):
            parts = (x[:, step] @ self.kernel + h @ self.recurrent_kernel + self.bias).chunk(4, -1)
            i, f, g, o = (parts[self.order.index(gate)] for gate in "ifgo")
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h


def lstm_by_hand(order="ifgo"):
    return _with_sgd(nn.Sequential(nn.Embedding(20, 6), _OwnLstm(order), nn.Linear(5, 3)))


def lstm_gate_order():
    return lstm_by_hand("igfo")


class _Transformer(nn.Module):
    def __init__(self, eps=1e-5):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(8, eps), nn.LayerNorm(8, eps)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.up, self.down, self.last = nn.Linear(8, 16), nn.Linear(16, 8), nn.Linear(8, 3)

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attention(y, y, y)[0]
        x = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return self.last(x.mean(1))


def transformer():
    return _with_sgd(_Transformer())


def transformer_epsilon():
    return _with_sgd(_Transformer(1e-3))


class _Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
        self.out, self.last = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        q, k, v = (layer(x).view(len(x), -1, 2, 4).transpose(1, 2) for layer in self.layers())
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self.last(self.out(mixed.transpose(1, 2).flatten(2)).mean(1))

    def layers(self):
        return self.query, self.key, self.value


def attention():
    return _with_sgd(_Attention())
