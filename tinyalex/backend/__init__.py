"""The array-module shim: what NumPy and CuPy spell differently has one name here.

arrays.py      which library an array lives in, moving arrays: the one file that imports CuPy
randomness.py  random generators keyed by what they are for
memory.py      free memory, work arrays
threads.py     work divided among the cores
products.py    matrix products: among threads, and of stacks of matrices
fused.py       one launch on a device for several passes over memory; the kernels are in kernels/
"""

from tinyalex.backend.arrays import (
    Array,
    allow_tf32,
    array_module,
    choose_device,
    cupy_distributed,
    gpu_number,
    is_host,
    synchronize,
    to_device,
    to_host,
)
from tinyalex.backend.fused import fused
from tinyalex.backend.memory import memory_available, scratch
from tinyalex.backend.products import matmul, stacked_matmul
from tinyalex.backend.randomness import child_streams, random_stream, uniform
from tinyalex.backend.threads import (
    MOST_THREADS,
    among_threads,
    cores,
    device_name,
    one_blas_thread,
    ordered_map,
    prefetch,
    set_thread_count,
    thread_count,
    use_gpu,
)
