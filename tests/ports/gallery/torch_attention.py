"""Networks with attention in torch: right ports, and ports with one classic mistake each."""

import torch
from torch import nn
from torch.nn import functional
from torch_nets import with_sgd
from torch_sequences import per_place


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
    return per_place(_DecoderOfRows())


def decoder():
    return per_place(_Decoder(torch.ones(7, 7, dtype=torch.bool).triu(1)))


def decoder_no_mask():
    return per_place(_Decoder(None))


def decoder_true_means_seen():
    """Torch hides where the mask is true; the first place sees what follows, the last nothing."""
    return per_place(_Decoder(torch.ones(7, 7, dtype=torch.bool).tril()))


def decoder_true_means_seen_slowly():
    """Without its fast path torch answers NaN where a place sees nothing."""
    return per_place(_Decoder(torch.ones(7, 7, dtype=torch.bool).tril(), need_weights=True))


def decoder_mask_transposed():
    return per_place(_Decoder(nn.Transformer.generate_square_subsequent_mask(7).T.contiguous()))


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
    return per_place(nn.Sequential(nn.Embedding(20, 8), _Waves(rate), nn.Linear(8, 20)))


def waves_of_another_rate():
    return waves(1.0)
