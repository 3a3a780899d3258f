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


def _per_place(module):
    return module, torch.optim.SGD(module.parameters(), lr=0.1), _PerPlace()


def gru():
    return _per_place(_Gru())


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
    return _per_place(_Gru(_OwnGru()))


def gru_gate_order():
    return _per_place(_Gru(_OwnGru("rzn")))


def gru_update_gate():
    return _per_place(_Gru(_OwnGru(exchanged=True)))


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


class _Decoder(nn.Module):
    """Predicts a token at each place: tokens, places, a causal block."""

    def __init__(self, mask, *, need_weights=False):
        super().__init__()
        self.need_weights = need_weights
        self.tokens, self.places = nn.Embedding(20, 8), nn.Embedding(7, 8)
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.up, self.down, self.last = nn.Linear(8, 16), nn.Linear(16, 8), nn.Linear(8, 20)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.rows(tokens.shape[1])
        y = self.norm1(x)
        x = x + self.attention(y, y, y, attn_mask=self.mask, need_weights=self.need_weights)[0]
        x = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return self.last(x)

    def rows(self, steps):
        return self.places(torch.arange(steps))


class _DecoderOfRows(_Decoder):
    """The places are a parameter of the whole network, beside its layers."""

    def __init__(self):
        super().__init__(torch.ones(7, 7, dtype=torch.bool).triu(1))
        del self.places
        self.places = nn.Parameter(torch.randn(7, 8))

    def rows(self, steps):
        return self.places[:steps]


def decoder_of_rows():
    return _per_place(_DecoderOfRows())


def decoder():
    return _per_place(_Decoder(torch.ones(7, 7, dtype=torch.bool).triu(1)))


def decoder_no_mask():
    return _per_place(_Decoder(None))


def decoder_true_means_seen():
    """Torch hides where the mask is true; the first place sees what follows, the last nothing."""
    return _per_place(_Decoder(torch.ones(7, 7, dtype=torch.bool).tril()))


def decoder_true_means_seen_slowly():
    """Without its fast path torch answers NaN where a place sees nothing."""
    return _per_place(_Decoder(torch.ones(7, 7, dtype=torch.bool).tril(), need_weights=True))


def decoder_mask_transposed():
    return _per_place(_Decoder(nn.Transformer.generate_square_subsequent_mask(7).T.contiguous()))


class _OwnAttention(nn.Module):
    """Attention as it is written by hand: four dense layers."""

    def __init__(self, heads, scale):
        super().__init__()
        self.q_proj, self.k_proj = nn.Linear(8, 8), nn.Linear(8, 8)
        self.v_proj, self.out_proj = nn.Linear(8, 8), nn.Linear(8, 8)
        self.heads, self.scale = heads, scale

    def forward(self, x):
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        weights = (q @ k.transpose(-1, -2) * self.scale).softmax(-1)
        return self.out_proj((weights @ v).transpose(1, 2).flatten(2))


class _OwnTransformer(_Transformer):
    def __init__(self, heads=2, scale=0.5):
        super().__init__()
        self.attention = _OwnAttention(heads, scale)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        x = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return self.last(x.mean(1))


def transformer_by_hand():
    return with_sgd(_OwnTransformer())


def transformer_no_scale():
    return with_sgd(_OwnTransformer(scale=1.0))


def transformer_heads():
    return with_sgd(_OwnTransformer(heads=4, scale=0.5**0.5))


def transformer_adam():
    module = _Transformer()
    return module, torch.optim.Adam(module.parameters(), lr=1e-3), nn.CrossEntropyLoss()


class _StepsFirstTransformer(_Transformer):
    def __init__(self, *, right):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2)
        self.right = right

    def forward(self, x):
        y = self.norm1(x)
        y = y.transpose(0, 1) if self.right else y
        y = self.attention(y, y, y)[0]
        x = x + (y.transpose(0, 1) if self.right else y)
        x = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return self.last(x.mean(1))


def transformer_steps_first():
    return with_sgd(_StepsFirstTransformer(right=True))


def transformer_batch_first():
    return with_sgd(_StepsFirstTransformer(right=False))


class _Vit(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.norm = nn.Conv2d(2, 8, 4, stride=4), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.last = nn.Linear(8, 3)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        y = self.norm(x)
        return self.last((x + self.attention(y, y, y)[0]).mean(1))


def vit():
    return with_sgd(_Vit())


class _Waves(nn.Module):
    """Adds sines and cosines: a buffer, as PyTorch's tutorial has it."""

    def __init__(self, rate):
        super().__init__()
        angle = torch.arange(7)[:, None] * torch.exp(-torch.arange(4) * rate)
        self.register_buffer("pe", torch.cat([angle.sin(), angle.cos()], -1))

    def forward(self, x):
        return x + self.pe


def waves(rate=2.0):
    return _per_place(nn.Sequential(nn.Embedding(20, 8), _Waves(rate), nn.Linear(8, 20)))


def waves_of_another_rate():
    return waves(1.0)
