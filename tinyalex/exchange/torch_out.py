"""A network for users of PyTorch: its weights in PyTorch's layout, and the code of a plain module that takes them.

Neither needs PyTorch. The module's names are ours, so that "conv1.weight" is the weight of "conv1".
"""

import json
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyalex.backend import to_host
from tinyalex.composite import Sequential
from tinyalex.errors import UserError
from tinyalex.exchange.layout import flattened, in_torch_layout
from tinyalex.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    PaddedShortcut,
    ReLU,
    Sigmoid,
    SpatialResponseNorm,
    Tanh,
)
from tinyalex.layers.base import Layer, Shape
from tinyalex.network import Network
from tinyalex.residual import Residual


def state_dict(network: Network) -> dict[str, np.ndarray]:
    """The network's parameters and state, on the host, in PyTorch's layout: what `load_state_dict` takes."""
    pictures = flattened(network)
    return {
        f"{path}.{key}": in_torch_layout(to_host(array), layer, key, pictures.get(path))
        for path, layer, *_ in network.shapes()
        for key, array in (layer.params | layer.state).items()
    }


def code(network: Network, about: str) -> str:
    """Python that defines `network()`, which returns a torch.nn.Module without weights: (N, 3, T, T) → scores (N, K).

    about: a sentence or two for its docstring
    UserError for a layer that has no module.
    """
    body = _sequential(network, network.in_shape)
    helpers = "".join(f"\n\n{text.strip()}\n" for name, text in HELPERS.items() if f"{name}(" in body)
    imports = "import torch\nfrom torch import nn" if "torch." in helpers else "from torch import nn"
    doc = textwrap.fill(about, 112, subsequent_indent="    ")
    made = textwrap.indent(body, "    ").strip()
    head = f"from collections import OrderedDict\n\n{imports}\n{helpers}\n\n"
    return f'{head}def network():\n    """{doc}"""\n    return {made}\n'


def _named(layer, in_shape):
    """An OrderedDict of the layers inside."""
    modules: dict[str, str] = {}
    for part in layer.layers.values() if isinstance(layer, Network) else (layer,):
        for name, inner in part.layers.items():
            *before, own = _modules(inner, in_shape).items()
            modules |= {f"{name}_{what}": module for what, module in before} | {name: own[1]}
            in_shape = inner.out_shape(in_shape)
    inside = "".join(f"{json.dumps(name)}: {module},\n" for name, module in modules.items())
    return f"OrderedDict({{\n{textwrap.indent(inside, '    ')}}})"


def _modules(layer: Layer, in_shape: Shape) -> dict[str, str]:
    """{what it is: the call that makes it}: the module of one layer, behind whatever must come before it."""
    for kind in type(layer).__mro__:
        if kind in MODULES:
            made = MODULES[kind](layer, in_shape)
            return made if isinstance(made, dict) else {"module": made}
    raise UserError(f"{layer.label}: PyTorch has no module for it; expected one of {[k.__name__ for k in MODULES]}")


# ---------------------------------------------------------------------------------------------- layer by layer


def _call(name: str, *values: Any, **others: Any) -> str:
    arguments = [*map(repr, values), *(f"{key}={value!r}" for key, value in others.items())]
    return f"{name}({', '.join(arguments)})"


def _short(pair):
    return pair[0] if pair[0] == pair[1] else pair


def _window(w, **others):
    """The arguments of a window that differ from PyTorch's defaults for a convolution."""
    found = {"stride": _short(w.stride), "padding": _short(w.padding)} | others
    return {key: value for key, value in found.items() if value != {"stride": 1, "padding": 0}.get(key)}


def _conv(layer, in_shape):
    w, (OH, OW, _) = layer.windows, layer.out_shape(in_shape)
    others = ({"groups": layer.groups} if layer.groups > 1 else {}) | ({} if layer.bias else {"bias": False})
    conv = _call("nn.Conv2d", layer.in_channels, layer.out_channels, _short(w.kernel), **_window(w, **others))
    rows, columns = w.padded_size(*in_shape[:2], (OH, OW))
    over = [max(size - whole - 2 * p, 0) for size, whole, p in zip((rows, columns), in_shape, w.padding)]
    if not any(over):
        return conv
    return {"pad": _call("nn.ZeroPad2d", (0, over[1], 0, over[0])), "conv": conv}  # its last window hangs over


def _pool(layer, in_shape):
    w, average = layer.windows, isinstance(layer, AvgPool2d)
    others = {"stride": _short(w.stride), "padding": _short(w.padding)}
    others |= {"ceil_mode": True} if w.rounding == "ceil" else {}
    others |= {"count_include_pad": False} if average and not layer.count_include_pad else {}
    others = {key: value for key, value in others.items() if (key, value) != ("padding", 0)}
    return _call("nn.AvgPool2d" if average else "nn.MaxPool2d", _short(w.kernel), **others)


def _batch_norm(layer, in_shape):
    kind = "nn.BatchNorm2d" if len(in_shape) == 3 else "nn.BatchNorm1d"
    return _call(kind, layer.num_features, eps=layer.eps, momentum=layer.momentum)


def _response_norm(layer, in_shape):
    norm = _call("nn.LocalResponseNorm", layer.size, layer.alpha * layer.size, layer.beta, layer.k)
    return norm if layer.groups == 1 else f"InGroups({norm}, {layer.groups})"


def _residual(layer, in_shape):
    body, shortcut = (_named(branch, in_shape) for branch in layer.layers.values())
    return f"Residual({body}, {shortcut})"


def _sequential(layer, in_shape):
    return f"nn.Sequential({_named(layer, in_shape)})"


# {class of layer: function(layer, in_shape) → the call, or a dict of several}; it serves derived classes too
MODULES: dict[type, Callable[..., Any]] = {
    Sequential: _sequential,
    Residual: _residual,
    Conv2d: _conv,
    Linear: lambda layer, _: _call("nn.Linear", layer.in_features, layer.out_features),
    MaxPool2d: _pool,
    AvgPool2d: _pool,
    GlobalAvgPool2d: lambda layer, _: {"mean": "nn.AdaptiveAvgPool2d(1)", "flat": "nn.Flatten()"},
    BatchNorm2d: _batch_norm,
    LocalResponseNorm: _response_norm,
    SpatialResponseNorm: lambda layer, _: _call("SpatialNorm", layer.size, layer.alpha, layer.beta, layer.k),
    Flatten: lambda layer, _: "nn.Flatten()",
    Dropout: lambda layer, _: _call("nn.Dropout" if layer.inverted else "PaperDropout", layer.p),
    Identity: lambda layer, _: "nn.Identity()",
    PaddedShortcut: lambda layer, _: _call("Padded", layer.in_channels, layer.out_channels, layer.stride),
    ReLU: lambda layer, _: "nn.ReLU()",
    Tanh: lambda layer, _: "nn.Tanh()",
    Sigmoid: lambda layer, _: "nn.Sigmoid()",
}

# Modules that PyTorch does not have
HELPERS = {
    "Residual": '''
class Residual(nn.Sequential):
    """The sum of a body and a shortcut."""

    def __init__(self, body, shortcut):
        super().__init__(body)
        self.shortcut = nn.Sequential(shortcut)

    def forward(self, x):
        y = x
        for name, layer in self.named_children():
            if name != "shortcut":
                y = layer(y)
        return y + self.shortcut(x)
''',
    "Padded": '''
class Padded(nn.Module):
    """Every stride-th pixel, with channels of zeros on both sides."""

    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        more = out_channels - in_channels
        self.zeros, self.stride = (0, 0, 0, 0, more // 2, more - more // 2), stride

    def forward(self, x):
        return nn.functional.pad(x[:, :, :: self.stride, :: self.stride], self.zeros)
''',
    "InGroups": '''
class InGroups(nn.Module):
    """Apply a module to equal groups of channels separately."""

    def __init__(self, module, groups):
        super().__init__()
        self.module, self.groups = module, groups

    def forward(self, x):
        return self.module(x.reshape(len(x) * self.groups, -1, *x.shape[2:])).reshape(x.shape)
''',
    "SpatialNorm": '''
class SpatialNorm(nn.Module):
    """Divide by the sum of squares in a window around each pixel, within each channel."""

    def __init__(self, size, alpha, beta, k):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x):
        sums = nn.functional.avg_pool2d(x * x, self.size, 1, self.size // 2, divisor_override=1)
        return x / (self.k + self.alpha * sums) ** self.beta
''',
    "PaperDropout": '''
class PaperDropout(nn.Dropout):
    """Dropout that scales at test time, as in the paper of 2012."""

    def forward(self, x):
        return x * (torch.rand_like(x) >= self.p) if self.training else x * (1 - self.p)
''',
}
