"""Networks as users write them in torch: other forms of the same, and classic mistakes."""

import torch
from torch import nn
from torch.nn import functional
from torch_nets import with_sgd


def _layers(*between, width=20):
    return nn.Sequential(nn.Linear(20, width), nn.ReLU(), *between, nn.Linear(width, 4))


def user_mlp():
    return with_sgd(_layers())


def user_layers_of_products():
    return with_sgd(nn.Sequential(nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 4)))


def user_softmax_over_the_batch():
    return with_sgd(nn.Sequential(*_layers(), nn.LogSoftmax(dim=0)), loss=nn.NLLLoss())


class _Products(nn.Module):
    """No layers: parameters and functions alone."""

    def __init__(self, *, turned):
        super().__init__()
        self.w1, self.b1 = nn.Parameter(torch.randn(20, 20) * 0.2), nn.Parameter(torch.zeros(20))
        self.w2, self.b2 = nn.Parameter(torch.randn(4, 20) * 0.2), nn.Parameter(torch.zeros(4))
        self.turned = turned

    def forward(self, x):
        first = self.w1 if self.turned else self.w1.T
        x = functional.relu(functional.linear(x, first, self.b1))
        return functional.linear(x, self.w2, self.b2)


def user_products():
    return with_sgd(_Products(turned=False))


def user_products_turned():
    return with_sgd(_Products(turned=True))


def user_products_tanh():
    module = _Products(turned=True)
    module.register_forward_hook(lambda _module, _inputs, output: torch.tanh(output))
    return with_sgd(module)


class _Images(nn.Module):
    def __init__(self, *, last=False, scale=(1.0, 1.0, 1.0), by_function=False):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)
        if by_function:
            self.conv = nn.ParameterList([torch.randn(4, 3, 3, 3) * 0.3, torch.zeros(4)])
        self.last, self.scale = last, scale

    def forward(self, x):
        x = x.permute(0, 3, 1, 2) if self.last else x
        x = x / torch.tensor(self.scale, dtype=x.dtype).view(3, 1, 1)
        by_function = isinstance(self.conv, nn.ParameterList)
        x = functional.conv2d(x, *self.conv) if by_function else self.conv(x)
        return self.head(torch.relu(x).mean((2, 3)))


def user_images():
    return with_sgd(_Images())


def user_images_channels_last():
    return with_sgd(_Images(last=True))


def user_images_by_function():
    return with_sgd(nn.Sequential(nn.MaxPool2d(1), _Images(by_function=True)))


def user_images_normalized():
    return with_sgd(_Images(scale=(1.0, 1.0, 0.5)))


def user_inputs_scaled():
    class Scaled(nn.Module):
        def forward(self, x):
            return x / 255

    return with_sgd(nn.Sequential(Scaled(), *_layers()))


def user_double():
    return with_sgd(_layers().double())


def user_lazy():
    module = nn.Sequential(nn.LazyLinear(20), nn.ReLU(), nn.LazyLinear(4))
    return module, lambda parameters: torch.optim.SGD(parameters, lr=0.1), nn.CrossEntropyLoss()


class _Answers(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.inner, self.answer = _layers(), answer

    def forward(self, x):
        return self.answer(self.inner(x))


def user_answers_a_tuple():
    return with_sgd(_Answers(lambda x: (x, x[:, :2])))


def user_answers_a_dictionary():
    return with_sgd(_Answers(lambda x: {"logits": x}))


def user_answers_nothing():
    return with_sgd(_Answers(lambda x: None))


class _Block(nn.Module):
    def __init__(self, *, norm_first=True, after=True):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.up, self.down, self.head = nn.Linear(8, 16), nn.Linear(16, 8), nn.Linear(8, 3)
        self.norm_first, self.after = norm_first, after

    def forward(self, x):
        if self.norm_first:
            y = self.norm(x)
            x = x + self.attention(y, y, y)[0]
        else:
            x = self.norm(x + self.attention(x, x, x)[0])
        y = self.down(torch.tanh(self.up(x)))
        x = torch.relu(x + y) if self.after else torch.relu(y) + x
        return self.head(x.mean(1))


def user_block():
    return with_sgd(_Block())


def user_block_norm_last():
    return with_sgd(_Block(norm_first=False))


def user_block_activation_before_the_sum():
    return with_sgd(_Block(after=False))


class _BothWays(nn.Module):
    def __init__(self, *, last):
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 5, batch_first=True, bidirectional=True), nn.Linear(10, 3)
        self.last = last

    def forward(self, x):
        states, (h, _) = self.lstm(x)
        return self.head(states[:, -1] if self.last else torch.cat([h[0], h[1]], -1))


def user_both_ways():
    return with_sgd(_BothWays(last=False))


def user_both_ways_last_place():
    return with_sgd(_BothWays(last=True))


def _with_loss(loss, *, classes=4, after=lambda x: x):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(20, 8), nn.Linear(8, classes)

        def forward(self, x):
            return after(self.last(torch.relu(self.first(x))))

    return with_sgd(Net(), loss=loss)


def user_binary():
    return _with_loss(nn.BCEWithLogitsLoss(), classes=1)


def user_binary_without_axis():
    return _with_loss(nn.BCEWithLogitsLoss(), classes=1, after=lambda x: x.squeeze(-1))


def user_sigmoid_twice():
    return _with_loss(nn.BCEWithLogitsLoss(), classes=1, after=torch.sigmoid)


def user_sigmoid_missing():
    return _with_loss(
        lambda o, t: functional.binary_cross_entropy(o.clamp(1e-7, 1 - 1e-7), t), classes=1
    )


def user_positive_weight():
    return _with_loss(nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0])), classes=1)


def user_values():
    return _with_loss(nn.MSELoss(), classes=1)


def user_values_absolute():
    return _with_loss(nn.L1Loss(), classes=1)


def user_values_half():
    return _with_loss(lambda o, t: ((o - t) ** 2).mean() / 2, classes=1)


def user_values_broadcast():
    return _with_loss(
        lambda o, t: ((o - t.reshape(-1, 1)) ** 2).mean(), classes=1, after=lambda x: x.squeeze(-1)
    )


def user_huber():
    return _with_loss(nn.HuberLoss(delta=1.0), classes=1)


def user_huber_of_another_delta():
    return _with_loss(nn.HuberLoss(delta=2.0), classes=1)


def user_classes():
    return _with_loss(nn.CrossEntropyLoss())


def user_classes_weighted():
    return _with_loss(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 1.0, 1.0])))


def user_classes_ignored():
    return _with_loss(nn.CrossEntropyLoss(ignore_index=0))


def user_classes_squared():
    return _with_loss(lambda o, t: functional.mse_loss(o, functional.one_hot(t, 4).to(o)))


class _DropPath(nn.Module):
    """Stochastic depth as it is written by hand."""

    def forward(self, x):
        if not self.training:
            return x
        return x * torch.bernoulli(torch.full((len(x), 1), 0.5, dtype=x.dtype)) / 0.5


def user_stochastic_depth():
    return with_sgd(_layers(_DropPath()))


def user_clipped():
    module = _layers()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)

    def clip(*_given):
        nn.utils.clip_grad_norm_(module.parameters(), 0.1)

    optimizer.register_step_pre_hook(clip)
    return module, optimizer, nn.CrossEntropyLoss()


def user_with_a_schedule():
    module = _layers()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    return module, optimizer, nn.CrossEntropyLoss(), schedule


def user_bfloat16():
    return with_sgd(_layers().to(torch.bfloat16))


def user_scripted():
    return with_sgd(torch.jit.script(_layers()))


def user_compiled():
    return with_sgd(torch.compile(_layers()))


def _decoder(loss):
    stack = (nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.ConvTranspose2d(4, 2, 4, stride=2))
    return with_sgd(nn.Sequential(*stack), loss=loss)


def user_decoder():
    return _decoder(nn.MSELoss())
