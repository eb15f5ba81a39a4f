"""Weights of a ResNet for CIFAR under PyTorch's names, without PyTorch."""

import numpy as np


def cifar_tensors(depth=20, num_classes=10, seed=0):
    """Random tensors by name, as in the repository that published such networks."""
    tensors, channels = {}, 3

    def conv_bn(prefix, number, kernels, channels):
        tensors[f"{prefix}conv{number}.weight"] = (kernels, channels, 3, 3)
        for key in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"{prefix}bn{number}.{key}"] = (kernels,)

    conv_bn("", 1, 16, 3)
    channels = 16
    for stage, kernels in enumerate((16, 32, 64), 1):
        for block in range((depth - 2) // 6):
            conv_bn(f"layer{stage}.{block}.", 1, kernels, channels)
            conv_bn(f"layer{stage}.{block}.", 2, kernels, kernels)
            channels = kernels
    tensors |= {"linear.weight": (num_classes, 64), "linear.bias": (num_classes,)}
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(0.1, 0.2, shape).astype("float32") for name, shape in tensors.items()}
