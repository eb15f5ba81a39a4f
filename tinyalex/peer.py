"""The same network in PyTorch, to compare with: an oracle for tests, the other side of a benchmark.

The only file that imports PyTorch, and nothing that trains needs it.
"""

import importlib.util
import multiprocessing
import time

from tinyalex.layers import AvgPool2d, Conv2d, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU, Sigmoid, Tanh
from tinyalex.models import find_model


def torch_is_installed():
    """Whether there is a PyTorch to compare with."""
    return importlib.util.find_spec("torch") is not None


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
        return [nn.LocalResponseNorm(layer.size, layer.alpha * layer.size, layer.beta, layer.k)]
    if isinstance(layer, Linear):
        return [nn.Linear(layer.in_features, layer.out_features)]
    if isinstance(layer, Flatten):
        return [_FlattenHWC()]
    if isinstance(layer, Dropout):
        return [nn.Dropout(layer.p)]
    return [{ReLU: nn.ReLU, Tanh: nn.Tanh, Sigmoid: nn.Sigmoid}[type(layer)]()]


def _FlattenHWC():
    """Flatten in our order, so that the weights behind it are ours transposed and nothing more."""
    from torch import nn

    class FlattenHWC(nn.Module):
        """(N, C, H, W) → (N, H·W·C)."""

        def forward(self, x):
            return x.permute(0, 2, 3, 1).flatten(1)

    return FlattenHWC()


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


class TorchProcess:
    """Training steps of a model's twin in a process of its own, as a PyTorch user's program would run them.

    In ours, PyTorch would profit from the memory settings of `tinyalex.backend`, and its threads would get in the way.

        with TorchProcess(model, classes, batch, threads, device) as torch_side:
            seconds = torch_side.step()
    """

    def __init__(self, model, classes, batch, threads, device):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, model.name, classes, batch, threads, device)
        self.process = context.Process(target=_serve_steps, args=arguments, daemon=True)

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.join()
        self.pipe.close()

    def step(self):
        """Take one step; its wall time in seconds, by the other process's clock."""
        self.pipe.send("step")
        while not self.pipe.poll(0.1):
            if not self.process.is_alive():
                raise RuntimeError("the PyTorch process ended unexpectedly; its message stands above")
        return self.pipe.recv()


def _serve_steps(pipe, model_name, classes, batch, threads, device):
    """The other process: a step for every message."""
    step = training_step(find_model(model_name).build(classes), batch, threads, device)
    while True:
        pipe.recv()
        start = time.perf_counter()
        step()
        pipe.send(time.perf_counter() - start)


def training_step(network, batch, threads, device, lr=1e-4):
    """A function that takes one whole training step of the twin, eager, as PyTorch's users write it, on noise."""
    import torch

    torch.set_num_threads(threads)
    twin = torch_twin(network).to(device)
    H, W, C = network.in_shape
    x = torch.randn(batch, C, H, W, device=device)
    labels = torch.arange(batch, device=device) % network.num_classes
    optimiser = torch.optim.SGD(twin.parameters(), lr=lr, momentum=0.9, weight_decay=0.0005)
    loss = torch.nn.CrossEntropyLoss()

    def step():
        optimiser.zero_grad()
        loss(twin(x), labels).backward()
        optimiser.step()
        if device != "cpu":
            torch.cuda.synchronize()

    return step
