"""The same network in PyTorch, to compare with: an oracle for tests, the other side of the benchmark.

The only file that imports PyTorch; training does not need it.
"""

import importlib.metadata
import importlib.util

from tinyalex.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    SpatialResponseNorm,
    Tanh,
)


def torch_version(device="cpu"):
    """The version of a PyTorch usable on this device, "cpu" or "gpu"; None without one."""
    if importlib.util.find_spec("torch") is None:
        return None
    version = importlib.metadata.version("torch")
    return None if device == "gpu" and version.endswith("+cpu") else version  # "+cpu": a wheel without GPU support


def torch_twin(network):
    """A torch.nn.Sequential of the same layers with the same weights, for pictures (N, C, H, W) on the CPU.

    It is what a PyTorch user would write, except for zero padding before a convolution whose windows the 2012 rounding
    lets extend beyond the input. Dropout is PyTorch's inverted form.
    """
    import torch

    modules = []
    for _, layer, in_shape, out_shape in network.shapes():
        modules += _modules(layer, in_shape, out_shape)
    twin = torch.nn.Sequential(*modules)
    _copy_weights(network, twin)
    return twin


def _modules(layer, in_shape, out_shape):
    """The modules equivalent to one layer."""
    from torch import nn

    if isinstance(layer, Conv2d):
        w = layer.windows
        overhang = [
            (o - 1) * s + k - (size + 2 * p)
            for size, o, k, s, p in zip(in_shape, out_shape, w.kernel, w.stride, w.padding)
        ]
        pad = [nn.ZeroPad2d((0, max(overhang[1], 0), 0, max(overhang[0], 0)))] if max(overhang) > 0 else []
        channels = (layer.in_channels, layer.out_channels)
        return pad + [nn.Conv2d(*channels, w.kernel, w.stride, w.padding, groups=layer.groups)]
    if isinstance(layer, MaxPool2d):
        w = layer.windows
        return [nn.MaxPool2d(w.kernel, w.stride, w.padding, ceil_mode=w.rounding == "ceil")]
    if isinstance(layer, AvgPool2d):
        w = layer.windows
        return [nn.AvgPool2d(w.kernel, w.stride, ceil_mode=w.rounding == "ceil")]
    if isinstance(layer, LocalResponseNorm):
        norm = nn.LocalResponseNorm(layer.size, layer.alpha * layer.size, layer.beta, layer.k)
        return [norm] if layer.groups == 1 else [_InGroups(norm, layer.groups)]
    if isinstance(layer, SpatialResponseNorm):
        return [_SpatialNorm(layer)]
    if isinstance(layer, Linear):
        return [nn.Linear(layer.in_features, layer.out_features)]
    if isinstance(layer, Flatten):
        return [_FlattenHWC()]
    if isinstance(layer, Dropout):
        return [nn.Dropout(layer.p)]
    return [{ReLU: nn.ReLU, Tanh: nn.Tanh, Sigmoid: nn.Sigmoid}[type(layer)]()]


def _InGroups(module, groups):
    """Apply a module to equal groups of channels separately."""
    from torch import nn

    class InGroups(nn.Module):
        """(N, C, …) → (N, C, …), with each group of channels as a picture of its own."""

        def forward(self, x):
            return module(x.reshape(len(x) * groups, -1, *x.shape[2:])).reshape(x.shape)

    return InGroups()


def _FlattenHWC():
    """Flatten in our order, so that the following weights are simply ours transposed."""
    from torch import nn

    class FlattenHWC(nn.Module):
        """(N, C, H, W) → (N, H·W·C)."""

        def forward(self, x):
            return x.permute(0, 2, 3, 1).flatten(1)

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


def _copy_weights(network, twin):
    """Our kernels are (KH, KW, in, out), PyTorch's (out, in, KH, KW); our dense weights (in, out), theirs (out, in)."""
    import torch

    ours = [layer for _, layer, _, _ in network.shapes() if layer.params]
    theirs = [module for module in twin if getattr(module, "weight", None) is not None]
    with torch.no_grad():
        for layer, module in zip(ours, theirs, strict=True):
            weight = layer.params["weight"]
            axes = (3, 2, 0, 1) if weight.ndim == 4 else (1, 0)
            module.weight.data = torch.tensor(weight.transpose(axes).copy())
            module.bias.data = torch.tensor(layer.params["bias"].copy())
