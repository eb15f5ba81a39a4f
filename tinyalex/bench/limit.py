"""The machine's limits: the best rate of a plain single-precision matrix product; on a GPU, passes and launches too."""

import time

import numpy as np
from threadpoolctl import threadpool_limits

from tinyalex.backend import allow_tf32, choose_device, ordered_map, random_stream, set_thread_count, synchronize
from tinyalex.bench.ours import seconds_of

# (rows, depth, columns): squares, and conv2 and conv3 of the paper's network as products, for 8 and for 16 pictures
SHAPES = ((1024, 1024, 1024), (2048, 2048, 2048), (8 * 27 * 27, 1200, 128), (16 * 13 * 13, 2304, 384))
GPU_SHAPES = ((4096, 4096, 4096), (8192, 8192, 8192), (128 * 27 * 27, 1200, 128), (128 * 13 * 13, 2304, 384))
IN_A_ROW = 10  # on a GPU, at least, so that the first launch's delay does not count
PASS = 1 << 28  # entries of float32 that a GPU reads and writes, far more than it caches
LAUNCHES = 500  # fewer than the queue of a GPU holds


def device_bytes(device):
    """The most that `Sgemm` holds on a GPU at a time; 0 on a CPU, where it is little."""
    products = sum(rows * depth + depth * columns + rows * columns for rows, depth, columns in GPU_SHAPES)
    return 4 * (products + 2 * PASS) if device == "gpu" else 0


class Sgemm:
    """Products of several shapes: one on all of BLAS's threads; on a CPU, also one on each of our threads at once."""

    def __init__(self, setup):
        set_thread_count(setup.threads)
        self.threads, self.xp = setup.threads, choose_device(setup.device)
        allow_tf32(bool(setup.tf32), self.xp)
        shapes = SHAPES if self.xp is np else GPU_SHAPES
        self.products = {"×".join(map(str, shape)): self._arrays(shape) for shape in shapes}

    def rates(self, count=1):
        """{way: GFLOP/s}, each over `count` repetitions in a row."""
        ways = {"one product": (self._together, 1)}
        if self.xp is np and self.threads > 1:
            ways["a product per thread"] = (self._apart, self.threads)
        rates = {}
        for way, (multiply, products) in ways.items():
            for shape, (*arrays, flops) in self.products.items():
                seconds = seconds_of(
                    lambda: multiply(*arrays), self.xp, count if self.xp is np else max(count, IN_A_ROW)
                )
                rates[f"{shape}, {way}"] = products * flops / seconds / 1e9
        return rates

    def passes(self):
        """On a GPU: 1e9 bytes a second, read and written together; microseconds of the host for a launch."""
        x = self.xp.zeros(PASS, "float32")
        y = self.xp.zeros(PASS, "float32")
        seconds = seconds_of(lambda: self.xp.add(x, 1, out=y), self.xp, IN_A_ROW)
        one = x[:1]
        synchronize(self.xp)
        start = time.perf_counter()
        for _ in range(LAUNCHES):
            one += 1
        launch = (time.perf_counter() - start) / LAUNCHES
        synchronize(self.xp)
        return {"copy_gb_per_s": 2 * x.nbytes / seconds / 1e9, "launch_us": 1e6 * launch}

    def _arrays(self, shape):
        """Two factors, a result for each thread, and the operations in one product."""
        rows, depth, columns = shape
        draw = random_stream(0, "sgemm").standard_normal
        a, b = (self.xp.asarray(draw(size, dtype="float32")) for size in ((rows, depth), (depth, columns)))
        results = [self.xp.zeros((rows, columns), "float32") for _ in range(self.threads if self.xp is np else 1)]
        return a, b, results, 2 * rows * depth * columns

    def _together(self, a, b, results):
        if self.xp is not np:
            self.xp.matmul(a, b, out=results[0])
            return
        with threadpool_limits(self.threads, "blas"):
            np.matmul(a, b, out=results[0])

    def _apart(self, a, b, results):
        for _ in ordered_map(lambda out: np.matmul(a, b, out=out), results):
            pass
