"""Networks in other libraries: the same layers and weights in PyTorch."""
