"""AlexNet from nothing but arrays: every layer, forward and backward, on NumPy and on CuPy."""

__version__ = "0.2.0"
