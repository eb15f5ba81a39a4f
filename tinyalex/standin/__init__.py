"""A stand-in for a GPU: an array type on NumPy that refuses what CuPy refuses (`device.py`)."""

from tinyalex.standin.device import (
    FUNCTIONS,
    METHODS,
    PLAIN,
    SCATTERING,
    UFUNCS,
    DeviceArray,
    Namespace,
    Refused,
    bus,
    kernels_by,
    xp,
)
