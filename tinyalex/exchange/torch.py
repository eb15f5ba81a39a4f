"""The same network in PyTorch, to compare with: an oracle for tests, the other side of the benchmark.

The only file that imports PyTorch; training does not need it.
"""

import importlib.metadata
import importlib.util
import subprocess
import sys

from tinyalex.composite import Sequential
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
from tinyalex.residual import Residual


def torch_version(device="cpu"):
    """The version of a PyTorch usable on this device, "cpu" or "gpu"; None without one."""
    if importlib.util.find_spec("torch") is None or device == "gpu" and not _sees_a_gpu():
        return None
    return importlib.metadata.version("torch")


def _sees_a_gpu():
    """Whether PyTorch was built for a GPU and the driver suits it. Asked elsewhere: its memory settings stay there."""
    asked = "import torch; raise SystemExit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", asked], stderr=subprocess.DEVNULL).returncode == 0


def torch_twin(network):
    """A torch.nn.Sequential of the same layers with the same weights, for pictures (N, C, H, W) on the CPU.

    It is what a PyTorch user would write, except for zero padding before a convolution whose windows the 2012 rounding
    lets extend beyond the input. Dropout is PyTorch's inverted form. TypeError for a layer of a class not in `TWINS`.
    """
    import torch

    return torch.nn.Sequential(*_modules(network, network.in_shape, (network.num_classes,)))


def _modules(layer, in_shape, out_shape):
    """The modules equivalent to one layer, with its weights."""
    for kind in type(layer).__mro__:
        if kind in TWINS:
            return TWINS[kind](layer, in_shape, out_shape)
    raise TypeError(f"torch_twin: no twin of {layer.label}, expected one of its class in tinyalex.exchange.torch.TWINS")


def _sequence(layer, in_shape, out_shape):
    modules = []
    for inner in layer.layers.values():
        out_shape = inner.out_shape(in_shape)
        modules += _modules(inner, in_shape, out_shape)
        in_shape = out_shape
    return modules


def _convolution(layer, in_shape, out_shape):
    from torch import nn

    w = layer.windows
    overhang = [
        (o - 1) * s + k - (size + 2 * p) for size, o, k, s, p in zip(in_shape, out_shape, w.kernel, w.stride, w.padding)
    ]
    pad = [nn.ZeroPad2d((0, max(overhang[1], 0), 0, max(overhang[0], 0)))] if max(overhang) > 0 else []
    conv = nn.Conv2d(
        layer.in_channels, layer.out_channels, w.kernel, w.stride, w.padding, groups=layer.groups, bias=layer.bias
    )
    return [*pad, _with_weights(conv, layer, (3, 2, 0, 1))]  # ours are (KH, KW, in, out), PyTorch's (out, in, KH, KW)


def _linear(layer, in_shape, out_shape):
    from torch import nn

    return [_with_weights(nn.Linear(layer.in_features, layer.out_features), layer, (1, 0))]  # (in, out); (out, in)


def _with_weights(module, layer, axes=(0,)):
    """The module with the layer's weights and state, the weight's axes in the order that PyTorch has them in."""
    import torch

    arrays = layer.params | layer.state
    for name, a in (arrays | {"weight": arrays["weight"].transpose(axes)}).items():
        getattr(module, name).data = torch.tensor(a.copy())
    return module


def _max_pool(layer, in_shape, out_shape):
    from torch import nn

    w = layer.windows
    return [nn.MaxPool2d(w.kernel, w.stride, w.padding, ceil_mode=w.rounding == "ceil")]


def _average_pool(layer, in_shape, out_shape):
    from torch import nn

    w = layer.windows
    return [nn.AvgPool2d(w.kernel, w.stride, w.padding, w.rounding == "ceil", layer.count_include_pad)]


def _response_norm(layer, in_shape, out_shape):
    from torch import nn

    norm = nn.LocalResponseNorm(layer.size, layer.alpha * layer.size, layer.beta, layer.k)
    return [norm] if layer.groups == 1 else [_InGroups(norm, layer.groups)]


def _batch_norm(layer, in_shape, out_shape):
    from torch import nn

    kind = nn.BatchNorm2d if len(in_shape) == 3 else nn.BatchNorm1d
    norm = (_frozen(kind) if layer.frozen else kind)(layer.num_features, layer.eps, layer.momentum)
    return [_with_weights(norm, layer).train()]  # made in training, unless frozen


def _global_average_pool(layer, in_shape, out_shape):
    from torch import nn

    return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]


def _residual(layer, in_shape, out_shape):
    from torch import nn

    return [_Sum(*(nn.Sequential(*_modules(branch, in_shape, out_shape)) for branch in layer.layers.values()))]


def _named(name, *arguments):
    """A twin that is a module of torch.nn by that name; arguments: the layer's attributes that it is made with."""

    def twin(layer, in_shape, out_shape):
        from torch import nn

        return [getattr(nn, name)(*(getattr(layer, argument) for argument in arguments))]

    return twin


def _InGroups(module, groups):
    """Apply a module to equal groups of channels separately."""
    from torch import nn

    class InGroups(nn.Module):
        """(N, C, …) → (N, C, …), with each group of channels as a picture of its own."""

        def forward(self, x):
            return module(x.reshape(len(x) * groups, -1, *x.shape[2:])).reshape(x.shape)

    return InGroups()


def _frozen(kind):
    """A kind of batch normalisation that uses its running statistics, and leaves them alone, in training too."""

    class Frozen(kind):
        """Always as at test time."""

        def train(self, mode=True):
            return super().train(False)

    return Frozen


def _Sum(body, shortcut):
    from torch import nn

    class Sum(nn.Module):
        """The sum of two branches."""

        def __init__(self):
            super().__init__()
            self.body, self.shortcut = body, shortcut

        def forward(self, x):
            return self.body(x) + self.shortcut(x)

    return Sum()


def _Padded(layer):
    from torch import nn

    before = (layer.out_channels - layer.in_channels) // 2
    after = layer.out_channels - layer.in_channels - before

    class Padded(nn.Module):
        """(N, C, H, W) → (N, out channels, ⌈H/stride⌉, ⌈W/stride⌉), with channels of zeros on both sides."""

        def forward(self, x):
            x = x[:, :, :: layer.stride, :: layer.stride]
            return nn.functional.pad(x, (0, 0, 0, 0, before, after))

    return Padded()


def _FlattenHWC():
    """Flatten in our order, so that the following weights are simply ours transposed."""
    from torch import nn

    class FlattenHWC(nn.Module):
        """(N, C, H, W) → (N, H·W·C); scores, (N, C), stay as they are."""

        def forward(self, x):
            return x.movedim(1, -1).flatten(1)

    return FlattenHWC()


def _SpatialNorm(layer):
    """PyTorch has no such layer; average pooling with divisor 1 sums each window, cut off at the edges."""
    from torch import nn

    class SpatialNorm(nn.Module):
        """(N, C, H, W) → (N, C, H, W)."""

        def forward(self, x):
            sums = nn.functional.avg_pool2d(x * x, layer.size, 1, layer.size // 2, divisor_override=1)
            return x / (layer.k + layer.alpha * sums) ** layer.beta

    return SpatialNorm()


# {class of layer: function(layer, in_shape, out_shape) → the equivalent modules}; it serves derived classes too
TWINS = {
    Sequential: _sequence,
    Residual: _residual,
    Conv2d: _convolution,
    Linear: _linear,
    MaxPool2d: _max_pool,
    AvgPool2d: _average_pool,
    GlobalAvgPool2d: _global_average_pool,
    Identity: _named("Identity"),
    PaddedShortcut: lambda layer, in_shape, out_shape: [_Padded(layer)],
    BatchNorm2d: _batch_norm,
    LocalResponseNorm: _response_norm,
    SpatialResponseNorm: lambda layer, in_shape, out_shape: [_SpatialNorm(layer)],
    Flatten: lambda layer, in_shape, out_shape: [_FlattenHWC()],
    Dropout: _named("Dropout", "p"),
    ReLU: _named("ReLU"),
    Tanh: _named("Tanh"),
    Sigmoid: _named("Sigmoid"),
}
