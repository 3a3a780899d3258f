"""Networks of sequences in torch: right ports, and ports with one classic mistake each."""

import torch
from torch import nn
from torch.nn import functional
from torch_nets import with_sgd


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
    return with_sgd(_Lstm())


def lstm_both_biases():
    return with_sgd(_Lstm(both=True))


def lstm_time_first():
    return with_sgd(_Lstm(batch_first=False))


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
    return with_sgd(nn.Sequential(nn.Embedding(20, 6), _OwnLstm(order), nn.Linear(5, 3)))


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
    return with_sgd(_Transformer())


def transformer_epsilon():
    return with_sgd(_Transformer(1e-3))


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
    return with_sgd(_Attention())
