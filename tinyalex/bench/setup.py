"""The things to measure, in a form that can be sent to other processes, and how many operations it takes."""

from dataclasses import dataclass

from tinyalex.backend import memory_available, random_stream
from tinyalex.errors import UserError
from tinyalex.models import find_model
from tinyalex.optim import initialise
from tinyalex.summary import summarise
from tinyalex.terminal import bytes_text
from tinyalex.training.memory import training_bytes

BATCHES = (16, 32, 64, 128, 256, 512)  # at which to time a picture


@dataclass(frozen=True)
class Setup:
    """One row of the comparison, the same for every side.

    model: a model's name;  lrn: with its normalisation layers or without
    batch: pictures per step;  threads: CPU threads of each side;  device: "cpu" or "gpu"
    tf32: on a GPU, whether products may round their factors to TF32's 10 bits of mantissa; None on a CPU
    """

    model: str
    lrn: bool
    batch: int
    threads: int
    device: str = "cpu"
    tf32: bool | None = None
    classes: int = 1000

    def network(self):
        """The network on the CPU, with weights from He's rule and seed 0."""
        network = self.build()
        initialise(network, "he", 0, find_model(self.model).input_rms)
        return network

    def build(self):
        """The network before `initialise`, enough to read its shapes."""
        return find_model(self.model + ("" if self.lrn else "+no-lrn")).build(self.classes)

    def pictures(self):
        """(noise as strong as pictures, float32 (batch, H, W, 3); labels, int64 (batch,))."""
        model = find_model(self.model)
        x = random_stream(0, "pictures").standard_normal((self.batch, model.crop, model.crop, 3), dtype="float32")
        x *= model.input_rms
        return x, random_stream(0, "labels").integers(0, self.classes, self.batch)

    def __str__(self):
        tf32 = "" if self.tf32 is None else f", TF32 {'on' if self.tf32 else 'off'}"
        return f"{self.model} × {self.batch}{'' if self.lrn else ', no LRN'}{tf32}"


def flops(network):
    """(inference, training): floating-point operations per picture in matrix products; an addition counts as one.

    Training is three times inference (forward, the weights' gradients, the inputs' gradients) minus the first layer's
    gradient of the pixels, which neither side computes. Counts every product of the direct method, even where a fast
    convolution does fewer; layers without products (pooling, LRN) do not count.
    """
    forward = 2 * network.multiply_adds(network.in_shape)
    first = next(layer.multiply_adds(in_shape) for _, layer, in_shape, _ in network.shapes() if layer.params)
    return forward, 3 * forward - 2 * first


def check(setup, network, sides, xp, beside=0):
    """UserError unless the memory suffices for `sides` processes that each train `network`, and `beside` bytes."""
    rows, available = summarise(network), memory_available(xp)

    def needs(batch):
        return training_bytes(rows, batch, network.in_shape, xp=xp)

    def fits(batch):
        return available is None or sides * needs(batch) + beside <= available

    needed, smaller = needs(setup.batch), setup.batch
    if fits(smaller):
        return
    while smaller > 1 and not fits(smaller):
        smaller //= 2
    instead = f"try --batch {smaller}" if fits(smaller) else "no batch is small enough, expected a smaller --model"
    alone = "; --no-torch needs only one process" if sides > 1 else ""
    raise UserError(
        f"found {setup.batch}: {setup} takes about {bytes_text(needed)} of memory in "
        f"{f'each of {sides} processes' if sides > 1 else 'its process'}, {bytes_text(available)} are free; "
        f"{instead}{alone}",
        "batch",
    )


def batches_that_fit(network, xp):
    """The BATCHES that fit into memory."""
    rows, available = summarise(network), memory_available(xp)
    needed = {batch: training_bytes(rows, batch, network.in_shape, xp=xp) for batch in BATCHES}
    return [batch for batch in BATCHES if available is None or needed[batch] <= available]
