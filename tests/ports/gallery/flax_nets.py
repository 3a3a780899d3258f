"""Some of them in Flax NNX."""

import jax
import jax.numpy as jnp
import optax
from flax import nnx


def _loss(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


class _Mlp(nnx.Module):
    def __init__(self, rngs, activation=nnx.relu):
        self.first, self.last = nnx.Linear(64, 16, rngs=rngs), nnx.Linear(16, 10, rngs=rngs)
        self.activation = activation

    def __call__(self, x):
        return self.last(self.activation(self.first(x.reshape(len(x), -1))))


def mlp():
    return _Mlp(nnx.Rngs(0)), optax.sgd(0.1), _loss


def mlp_adam():
    return _Mlp(nnx.Rngs(0)), optax.adam(1e-3), _loss


def mlp_tanh():
    return _Mlp(nnx.Rngs(0), nnx.tanh), optax.sgd(0.1), _loss


def mlp_learning_rate():
    return _Mlp(nnx.Rngs(0)), optax.sgd(0.3), _loss


def mlp_momentum():
    return _Mlp(nnx.Rngs(0)), optax.sgd(0.1, momentum=0.9), _loss


class _LeNet(nnx.Module):
    def __init__(self, rngs):
        self.conv1 = nnx.Conv(1, 4, (3, 3), rngs=rngs)
        self.conv2 = nnx.Conv(4, 8, (3, 3), padding="VALID", rngs=rngs)
        self.first, self.last = nnx.Linear(200, 16, rngs=rngs), nnx.Linear(16, 5, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.conv1(x))
        x = nnx.avg_pool(x, (3, 3), (1, 1), padding="SAME", count_include_pad=False)
        x = nnx.max_pool(nnx.relu(self.conv2(x)), (2, 2), (2, 2))
        return self.last(jnp.tanh(self.first(x.reshape(len(x), -1))))


def lenet():
    return _LeNet(nnx.Rngs(0)), optax.sgd(0.05, momentum=0.9), _loss


class _ResNet(nnx.Module):
    def __init__(self, rngs, epsilon):
        options = {"momentum": 0.99, "epsilon": epsilon, "rngs": rngs}
        self.conv1 = nnx.Conv(3, 4, (3, 3), use_bias=False, rngs=rngs)
        self.bn1 = nnx.BatchNorm(4, **options)
        self.conv2 = nnx.Conv(4, 4, (3, 3), use_bias=False, rngs=rngs)
        self.bn2 = nnx.BatchNorm(4, **options)
        self.last = nnx.Linear(4, 5, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.bn1(self.conv1(x)))
        x = nnx.relu(self.bn2(self.conv2(x)) + x)
        return self.last(x.mean((1, 2)))


def resnet():
    return _ResNet(nnx.Rngs(0), 1e-3), optax.sgd(0.05, momentum=0.9), _loss


def resnet_epsilon():
    return _ResNet(nnx.Rngs(0), 1e-5), optax.sgd(0.05, momentum=0.9), _loss


class _Attention(nnx.Module):
    def __init__(self, rngs, scale):
        for name in ("query", "key", "value", "out"):
            setattr(self, name, nnx.Linear(8, 8, rngs=rngs))
        self.last, self.scale = nnx.Linear(8, 3, rngs=rngs), scale

    def __call__(self, x):
        q, k, v = (
            layer(x).reshape(len(x), -1, 2, 4) for layer in (self.query, self.key, self.value)
        )
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) * self.scale
        mixed = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)
        return self.last(self.out(mixed.reshape(x.shape)).mean(1))


def attention():
    return _Attention(nnx.Rngs(0), 0.5), optax.sgd(0.1), _loss


def attention_scale():
    return _Attention(nnx.Rngs(0), 1.0), optax.sgd(0.1), _loss


def sequential():
    rngs = nnx.Rngs(0)
    network = nnx.Sequential(
        nnx.Conv(1, 4, (3, 3), strides=2, rngs=rngs),
        nnx.relu,
        lambda x: nnx.max_pool(x, (2, 2), (2, 2)),
        lambda x: x.reshape(len(x), -1),
        nnx.Linear(16, 8, rngs=rngs),
        nnx.tanh,
        nnx.Linear(8, 5, rngs=rngs),
    )
    return network, optax.sgd(0.1), _loss


def _per_place(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


class _Lstm(nnx.Module):
    def __init__(self, rngs, cell=nnx.OptimizedLSTMCell):
        self.embedding = nnx.Embed(20, 6, rngs=rngs)
        self.lstm = nnx.RNN(cell(6, 5, rngs=rngs))
        self.last = nnx.Linear(5, 3, rngs=rngs)

    def __call__(self, tokens):
        return self.last(self.lstm(self.embedding(tokens))[:, -1])


def lstm():
    return _Lstm(nnx.Rngs(0)), optax.sgd(0.1), _loss


def lstm_of_four_products():
    return _Lstm(nnx.Rngs(0), nnx.LSTMCell), optax.sgd(0.1), _loss


def lstm_backwards():
    module = _Lstm(nnx.Rngs(0))
    module.lstm.reverse = True
    return module, optax.sgd(0.1), _loss


class _Gru(nnx.Module):
    def __init__(self, rngs, *, both):
        cell = nnx.GRUCell(6, 5, rngs=rngs)
        if both:
            cell.dense_h = nnx.Linear(5, 15, rngs=rngs)
        self.embedding, self.gru = nnx.Embed(20, 6, rngs=rngs), nnx.RNN(cell)
        self.last = nnx.Linear(5, 20, rngs=rngs)

    def __call__(self, tokens):
        return self.last(self.gru(self.embedding(tokens)))


def gru():
    return _Gru(nnx.Rngs(0), both=True), optax.sgd(0.1), _per_place


def gru_one_bias():
    return _Gru(nnx.Rngs(0), both=False), optax.sgd(0.1), _per_place


class _Transformer(nnx.Module):
    def __init__(self, rngs):
        self.norm1, self.norm2 = (nnx.LayerNorm(8, epsilon=1e-5, rngs=rngs) for _ in range(2))
        self.attention = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)
        self.up, self.down = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 8, rngs=rngs)
        self.last = nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x):
        x = x + self.attention(self.norm1(x))
        x = x + self.down(nnx.gelu(self.up(self.norm2(x)), approximate=False))
        return self.last(x.mean(1))


def transformer():
    return _Transformer(nnx.Rngs(0)), optax.sgd(0.1), _loss


def transformer_adam():
    return _Transformer(nnx.Rngs(0)), optax.adam(1e-3), _loss


class _Decoder(nnx.Module):
    def __init__(self, rngs, *, turned=False):
        self.tokens, self.places = nnx.Embed(20, 8, rngs=rngs), nnx.Embed(7, 8, rngs=rngs)
        self.norm1, self.norm2 = (nnx.LayerNorm(8, epsilon=1e-5, rngs=rngs) for _ in range(2))
        self.attention = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)
        self.up, self.down = nnx.Linear(8, 16, rngs=rngs), nnx.Linear(16, 8, rngs=rngs)
        self.last, self.turned = nnx.Linear(8, 20, rngs=rngs), turned

    def __call__(self, tokens):
        x = self.tokens(tokens) + self.places(jnp.arange(7))
        mask = nnx.make_causal_mask(tokens)
        mask = mask.swapaxes(-1, -2) if self.turned else mask
        x = x + self.attention(self.norm1(x), mask=mask)
        x = x + self.down(nnx.gelu(self.up(self.norm2(x)), approximate=False))
        return self.last(x)


def decoder():
    return _Decoder(nnx.Rngs(0)), optax.sgd(0.1), _per_place


def decoder_mask_turned():
    return _Decoder(nnx.Rngs(0), turned=True), optax.sgd(0.1), _per_place


class _SharedDropout(nnx.Module):
    """One layer of dropout, called twice."""

    def __init__(self, rngs):
        self.first, self.second = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 8, rngs=rngs)
        self.last, self.drop = nnx.Linear(8, 3, rngs=rngs), nnx.Dropout(0.2, rngs=rngs)

    def __call__(self, x):
        x = self.drop(nnx.relu(self.first(x)))
        return self.last(self.drop(nnx.relu(self.second(x))))


def shared_dropout():
    return _SharedDropout(nnx.Rngs(0)), optax.sgd(0.1), _loss


def plain_clipped():
    rngs = nnx.Rngs(0)
    layers = nnx.Linear(6, 8, rngs=rngs), nnx.relu, nnx.Linear(8, 3, rngs=rngs)
    return (
        nnx.Sequential(*layers),
        optax.chain(optax.clip_by_global_norm(0.2), optax.sgd(0.1)),
        _loss,
    )
