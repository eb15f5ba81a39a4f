"""The same network in PyTorch, to compare with: an oracle for tests, the other side of a benchmark.

The only file that imports PyTorch, and nothing that trains needs it.
"""

import importlib.metadata
import importlib.util
import time

from tinyalex.bench.side import resident_peak
from tinyalex.layers import (
    AvgPool2d, Conv2d, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU, Sigmoid, SpatialResponseNorm, Tanh,
)  # fmt: skip


def torch_version(device="cpu"):
    """The version of the PyTorch that can be compared with on a device, "cpu" or "gpu"; None where there is none."""
    if importlib.util.find_spec("torch") is None:
        return None
    version = importlib.metadata.version("torch")
    return None if device == "gpu" and version.endswith("+cpu") else version  # wheels that know no GPU are named so


def torch_twin(network):
    """A torch.nn.Sequential of the same layers with the same weights, for pictures (N, C, H, W) on the CPU.

    What a PyTorch user would write, with two differences: where the 2012 rounding lets a window hang over, zeros are
    padded before the convolution, and dropout is PyTorch's inverted form.
    """
    import torch

    modules = []
    for _, layer, in_shape, out_shape in network.shapes():
        modules += _modules(layer, in_shape, out_shape)
    twin = torch.nn.Sequential(*modules)
    _copy_weights(network, twin)
    return twin


def _modules(layer, in_shape, out_shape):
    """The modules that do what one layer does."""
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
    """A module on equal runs of the channels, each by itself."""
    from torch import nn

    class InGroups(nn.Module):
        """(N, C, …): G groups of channels as pictures of their own."""

        def forward(self, x):
            return module(x.reshape(len(x) * groups, -1, *x.shape[2:])).reshape(x.shape)

    return InGroups()


def _FlattenHWC():
    """Flatten in our order, so that the weights behind it are ours transposed and nothing more."""
    from torch import nn

    class FlattenHWC(nn.Module):
        """(N, C, H, W) → (N, H·W·C)."""

        def forward(self, x):
            return x.permute(0, 2, 3, 1).flatten(1)

    return FlattenHWC()


def _SpatialNorm(layer):
    """PyTorch has no such layer; average pooling that divides by 1 is the sum over a window, cut off at the edges."""
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


class TorchWorks:
    """What PyTorch's side of a `tinyalex.bench.setup.Setup` can be asked: eager, as PyTorch's users write it.

    layout: "NCHW", or "channels_last"
    """

    def __init__(self, setup, layout):
        import torch

        torch.set_num_threads(setup.threads)
        if setup.tf32 is not None:
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = setup.tf32
        self.torch, self.on_gpu = torch, setup.device == "gpu"
        device = "cuda" if self.on_gpu else "cpu"
        order = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        x, labels = setup.pictures()
        self.x = torch.from_numpy(x).permute(0, 3, 1, 2).to(device).contiguous(memory_format=order)
        self.labels = torch.from_numpy(labels).to(device)
        self.twin = torch_twin(setup.network()).to(device=device, memory_format=order)
        self.optimiser = torch.optim.SGD(self.twin.parameters(), lr=1e-4, momentum=0.9, weight_decay=0.0005)
        self.loss = torch.nn.CrossEntropyLoss()

    def train(self, count=1):
        """Seconds of a whole training step, over `count` in a row."""
        self.twin.train()
        return self._seconds(self._step, count)

    def infer(self, count=1):
        """Seconds for the scores of a batch."""
        self.twin.eval()
        with self.torch.inference_mode():
            return self._seconds(lambda: self.twin(self.x), count)

    def peak(self):
        """Bytes: the largest resident size so far; on a GPU all that PyTorch's pool ever took from the device."""
        return self.torch.cuda.max_memory_reserved() if self.on_gpu else resident_peak()

    def _step(self):
        self.optimiser.zero_grad()
        self.loss(self.twin(self.x), self.labels).backward()
        self.optimiser.step()

    def _seconds(self, step, count):
        if not self.on_gpu:
            start = time.perf_counter()
            for _ in range(count):
                step()
            return (time.perf_counter() - start) / count
        start, stop = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(count):
            step()
        stop.record()
        self.torch.cuda.synchronize()
        return start.elapsed_time(stop) / 1000 / count  # it counts in milliseconds
