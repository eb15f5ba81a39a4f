"""A stand-in for a GPU.

device.py    an array type on NumPy that refuses what CuPy refuses;  names.py  the names that CuPy has
counting.py  the launches and bytes that a GPU would need, instead of results;  launches.py  what CuPy launches
"""

from tinyalex.standin.counting import Operation, counting
from tinyalex.standin.device import DeviceArray, Generator, Namespace, Refused, bus, kernels_by, observed_by, xp
from tinyalex.standin.launches import Product
