"""Recurrent networks in torch: right ports, and ports with one classic mistake each."""

import torch
from torch import nn
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
    def __init__(self, order, forget=0.0):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(6, 20) * 0.3)
        self.recurrent_kernel = nn.Parameter(torch.randn(5, 20) * 0.3)
        self.bias = nn.Parameter(torch.zeros(20))
        self.order, self.forget = order, forget

    def forward(self, x):
        h = c = x.new_zeros(len(x), 5)
        for step in range(x.shape[1]):
            parts = (x[:, step] @ self.kernel + h @ self.recurrent_kernel + self.bias).chunk(4, -1)
            i, f, g, o = (parts[self.order.index(gate)] for gate in "ifgo")
            c = torch.sigmoid(f + self.forget) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h


def lstm_by_hand(order="ifgo"):
    return with_sgd(nn.Sequential(nn.Embedding(20, 6), _OwnLstm(order), nn.Linear(5, 3)))


def lstm_gate_order():
    return lstm_by_hand("igfo")


def lstm_padding_idx():
    module = _Lstm()
    module.embedding = nn.Embedding(20, 6, padding_idx=0)
    return with_sgd(module)


def lstm_adam():
    module = _Lstm()
    return module, torch.optim.Adam(module.parameters(), lr=1e-2, eps=1e-10), nn.CrossEntropyLoss()


def lstm_forget_bias():
    return with_sgd(nn.Sequential(nn.Embedding(20, 6), _OwnLstm("ifgo", 1.0), nn.Linear(5, 3)))


class _LstmCell(nn.Module):
    """A loop over the steps by hand."""

    def __init__(self):
        super().__init__()
        self.embedding, self.cell, self.last = (
            nn.Embedding(20, 6),
            nn.LSTMCell(6, 5),
            nn.Linear(5, 3),
        )
        self.cell.bias_hh.requires_grad_(False)

    def forward(self, tokens):
        x = self.embedding(tokens)
        state = (x.new_zeros(len(x), 5), x.new_zeros(len(x), 5))
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
        return self.last(state[0])


def lstm_cell():
    return with_sgd(_LstmCell())


class _LstmStepsFirst(nn.Module):
    """Torch's older habit, done right: the steps are the first axis."""

    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.last = nn.Embedding(20, 6), nn.LSTM(6, 5), nn.Linear(5, 3)
        self.lstm.bias_hh_l0.requires_grad_(False)

    def forward(self, tokens):
        states, _ = self.lstm(self.embedding(tokens).transpose(0, 1))
        return self.last(states[-1])


def lstm_steps_first():
    return with_sgd(_LstmStepsFirst())


class _Gru(nn.Module):
    def __init__(self, recurrent=None):
        super().__init__()
        self.embedding, self.last = nn.Embedding(20, 6), nn.Linear(5, 20)
        self.gru = recurrent or nn.GRU(6, 5, batch_first=True)

    def forward(self, tokens):
        states = self.gru(self.embedding(tokens))
        states = states[0] if isinstance(states, tuple) else states
        logits = self.last(states.reshape(-1, 5))  # all places as samples, as tutorials do
        return logits.view(*tokens.shape, 20)


class _PerPlace(nn.CrossEntropyLoss):
    def forward(self, logits, tokens):
        return super().forward(logits.flatten(0, 1), tokens.flatten())


def per_place(module):
    return module, torch.optim.SGD(module.parameters(), lr=0.1), _PerPlace()


def gru():
    return per_place(_Gru())


class _OwnGru(nn.Module):
    def __init__(self, order="zrn", *, exchanged=False):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(6, 15) * 0.3)
        self.recurrent_kernel = nn.Parameter(torch.randn(5, 15) * 0.3)
        self.bias = nn.Parameter(torch.zeros(2, 15))
        self.order, self.exchanged = order, exchanged

    def forward(self, x):
        h, states = x.new_zeros(len(x), 5), []
        for step in range(x.shape[1]):
            own = (x[:, step] @ self.kernel + self.bias[0]).chunk(3, -1)
            of_state = (h @ self.recurrent_kernel + self.bias[1]).chunk(3, -1)
            own, of_state = (
                {gate: one[self.order.index(gate)] for gate in "zrn"} for one in (own, of_state)
            )
            z, r = (torch.sigmoid(own[gate] + of_state[gate]) for gate in "zr")
            n = torch.tanh(own["n"] + r * of_state["n"])
            h = (1 - z) * h + z * n if self.exchanged else z * h + (1 - z) * n
            states.append(h)
        return torch.stack(states, 1)


def gru_by_hand():
    return per_place(_Gru(_OwnGru()))


def gru_gate_order():
    return per_place(_Gru(_OwnGru("rzn")))


def gru_update_gate():
    return per_place(_Gru(_OwnGru(exchanged=True)))


class _Stacked(nn.Module):
    def __init__(self):
        super().__init__()
        self.both = nn.LSTM(4, 5, batch_first=True, bidirectional=True)
        self.second, self.last = nn.LSTM(10, 3, batch_first=True), nn.Linear(3, 2)
        for name, one in (*self.both.named_parameters(), *self.second.named_parameters()):
            one.requires_grad_("bias_hh" not in name)

    def forward(self, x):
        return self.last(self.second(self.both(x)[0])[0][:, -1])


def stacked():
    return with_sgd(_Stacked())
