"""What people do to one small network in torch: its optimizer, its loss, what becomes of it."""

import copy

import torch
from torch import nn
from torch.nn import functional
from torch_nets import with_sgd


def _plain(width=8, **options):
    layers = nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3)
    return with_sgd(nn.Sequential(*layers), **options)


def plain():
    return _plain()


def plain_one_hot():
    return _plain(loss=lambda o, t: -(t * functional.log_softmax(o, 1)).sum(1).mean())


class _Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.spare, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.last(self.first(x).relu())


def plain_unused_layer():
    return with_sgd(_Unused())


def plain_rescaled():
    module, _, loss = _plain()
    module.insert(0, nn.Identity())
    module[0].register_forward_hook(lambda _module, _inputs, x: (x - 0.1307) / 0.3081)
    return with_sgd(module, loss=loss)


def plain_frozen():
    module, optimizer, loss = _plain()
    module.requires_grad_(False)
    return module, optimizer, loss


def plain_last_layer_alone():
    module, _, loss = _plain()
    return module, torch.optim.SGD(module[2].parameters(), 0.1), loss


def plain_of_a_copy():
    module, _, loss = _plain()
    return module, torch.optim.SGD(copy.deepcopy(module).parameters(), 0.1), loss


def plain_two_rates():
    module, _, loss = _plain()
    groups = [{"params": module[0].parameters(), "lr": 0.01}, {"params": module[2].parameters()}]
    return module, torch.optim.SGD(groups, 0.1), loss


def _hooked(before=None, after=None):
    module, optimizer, loss = _plain()

    def clip(*_given):
        before(module.parameters())

    if before:
        optimizer.register_step_pre_hook(clip)
    if after:
        schedule = after(optimizer)
        optimizer.register_step_post_hook(lambda *_given: schedule.step())
    return module, optimizer, loss


def plain_clipped():
    return _hooked(lambda parameters: nn.utils.clip_grad_norm_(parameters, 0.2))


def plain_clipped_when_large():
    return _hooked(lambda parameters: nn.utils.clip_grad_norm_(parameters, 1.0))


def plain_clipped_by_value():
    return _hooked(lambda parameters: nn.utils.clip_grad_value_(parameters, 0.02))


def plain_decaying_rate():
    return _hooked(after=lambda one: torch.optim.lr_scheduler.ExponentialLR(one, 0.9))


def plain_later_rate():
    return _hooked(after=lambda one: torch.optim.lr_scheduler.StepLR(one, 3, 0.1))


def _adam(kind=torch.optim.Adam, **options):
    module, _, loss = _plain(32)
    return module, kind(module.parameters(), 1e-3, **options), loss


def adam():
    return _adam()


def adam_amsgrad():
    return _adam(amsgrad=True)


def adam_decay():
    return _adam(torch.optim.AdamW, weight_decay=0.01)


def adam_less_decay():
    return _adam(torch.optim.AdamW, weight_decay=0.004)


def plain_quantized():
    module, _, _ = _plain()
    return torch.ao.quantization.quantize_dynamic(module, {nn.Linear})


def plain_without_values():
    with torch.device("meta"):
        return nn.Linear(6, 3)


def plain_in_another_order():
    module, optimizer, loss = _plain()
    return module, loss, optimizer


def plain_without_variables():
    return nn.Sequential(nn.Flatten(), nn.ReLU())


def plain_compiled_inside():
    module, _, loss = _plain()
    module[0] = torch.compile(module[0])
    return with_sgd(module, loss=loss)


def two_dropouts(kind=nn.Dropout):
    layers = (nn.Linear(6, 8), nn.ReLU(), kind(0.2), nn.Linear(8, 8), nn.ReLU(), kind(0.2))
    return with_sgd(nn.Sequential(*layers, nn.Linear(8, 3)))


def two_alpha_dropouts():
    return two_dropouts(nn.AlphaDropout)
