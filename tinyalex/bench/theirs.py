"""PyTorch's side of the benchmark."""

import time

from tinyalex.bench.side import resident_peak
from tinyalex.exchange.torch import torch_twin


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
        order = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        x, labels = setup.pictures()
        self.x = torch.from_numpy(x).permute(0, 3, 1, 2).to(device).contiguous(memory_format=order)
        self.labels = torch.from_numpy(labels).to(device)
        self.twin = torch_twin(setup.network()).to(device=device, memory_format=order)
        self.optimiser = torch.optim.SGD(self.twin.parameters(), lr=1e-4, momentum=0.9, weight_decay=0.0005)
        self.loss = torch.nn.CrossEntropyLoss()

    def train(self, count=1):
        """Seconds per whole training step, over `count` in a row."""
        self.twin.train()
        return self._seconds(self._step, count)

    def infer(self, count=1):
        """Seconds for the scores of a batch."""
        self.twin.eval()
        with self.torch.inference_mode():
            return self._seconds(lambda: self.twin(self.x), count)

    def peak(self):
        """Peak memory in bytes: the largest resident size so far; on a GPU, the most that PyTorch's pool reserved."""
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
        return start.elapsed_time(stop) / 1000 / count  # from milliseconds
