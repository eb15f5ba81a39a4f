"""PyTorch's sides of the benchmark: eager in two layouts, and compiled."""

import importlib.util
import os
import shutil
import sys
import sysconfig
import threading
import time
from pathlib import Path

from tqdm import tqdm

from tinyalex.bench.side import resident_peak
from tinyalex.bench.turns import CHANNELS_LAST
from tinyalex.errors import UserError
from tinyalex.exchange.torch import torch_twin

CXX = {"darwin": "clang++", "win32": "cl"}  # what torch.compile takes on a CPU unless $CXX names another; else g++


def compiler_missing(device):
    """Why torch.compile cannot compile for this device, "cpu" or "gpu", in words; None if it can."""
    if device == "gpu" and importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    compilers = [os.environ.get("CXX") or CXX.get(sys.platform, "g++")]
    if device == "gpu":  # Triton compiles C
        compilers = [os.environ["CC"]] if os.environ.get("CC") else ["gcc", "clang"]
    if not any(map(shutil.which, compilers)):
        return f"it needs a compiler, and there is no {' or '.join(compilers)}"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "it needs Python's headers, and there is no Python.h"
    return None


class TorchWorks:
    """PyTorch's side of a `Setup`, as `Side` asks it: eager, as PyTorch's users write it.

    layout: "NCHW" or "channels_last"
    """

    def __init__(self, setup, layout):
        import torch

        torch.set_num_threads(setup.threads)
        if setup.tf32 is not None:
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = setup.tf32
        self.torch, self.on_gpu = torch, setup.device == "gpu"
        device = "cuda" if self.on_gpu else "cpu"
        order = torch.channels_last if layout == CHANNELS_LAST else torch.contiguous_format
        x, labels = setup.pictures()
        self.x = torch.from_numpy(x).permute(0, 3, 1, 2).to(device).contiguous(memory_format=order)
        self.labels = torch.from_numpy(labels).to(device)
        self.twin = self.scores = torch_twin(setup.network()).to(device=device, memory_format=order)
        self.optimiser = torch.optim.SGD(self.twin.parameters(), lr=1e-4, momentum=0.9, weight_decay=0.0005)
        self.loss = torch.nn.CrossEntropyLoss()

    def train(self, count=1):
        """Seconds per whole training step, over `count` in a row."""
        self.twin.train()
        return self._seconds(self._step, count)

    def infer(self, count=1):
        """Seconds for the scores of a batch."""
        return self._infer(self.x, count)

    def one(self, count=1):
        """Seconds for the scores of one picture."""
        return self._infer(self.x[:1], count)

    def peak(self):
        """Peak memory in bytes: the largest resident size so far; on a GPU, the most that PyTorch's pool reserved."""
        return self.torch.cuda.max_memory_reserved() if self.on_gpu else resident_peak()

    def _step(self):
        self.optimiser.zero_grad()
        self.loss(self.scores(self.x), self.labels).backward()
        self.optimiser.step()

    def _infer(self, x, count):
        self.twin.eval()
        with self.torch.inference_mode():
            return self._seconds(lambda: self.scores(x), count)

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
        return start.elapsed_time(stop) / 1000 / count  # from milliseconds


class CompiledWorks(TorchWorks):
    """The same by torch.compile in its default mode, channels_last. Each size of batch is compiled for itself.

    cache: an empty folder for what is compiled, so that nothing is left of earlier runs, nor of this one
    """

    def __init__(self, setup, cache):
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache  # both are read when PyTorch is imported
        os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = str(setup.threads)
        tqdm.set_lock(threading.RLock())  # its own is the system's, and left behind when this process is ended
        super().__init__(setup, CHANNELS_LAST)

    def compile(self, of):
        """Seconds that compiling took: by how much the first "train", "infer" or "one" is slower than the second.

        UserError if it fails
        """
        try:
            # here, since it refuses a Python that is too new
            self.scores = self.torch.compile(self.twin, dynamic=False)
            first, second = (getattr(self, of)() for _ in range(2))
        except RuntimeError as error:
            reason = str(error).strip().partition("\n")[0]
            raise UserError(f"torch.compile failed: {reason}; --no-compile leaves it out") from error
        return first - second
