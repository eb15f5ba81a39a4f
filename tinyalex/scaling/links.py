"""Links between workers: latency and bandwidth."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """A link between workers.

    latency: seconds per message, however short
    bandwidth: bytes/s that a worker sends while it receives as many
    overlapping: the most workers whose bytes travel while they compute; None: any number. With more, there is no core
        that could copy bytes beside the computation
    most: the most workers the link can join, or the machine has cores for; None: any number
    """

    name: str
    title: str
    latency: float
    bandwidth: float
    overlapping: int | None = None
    most: int | None = None

    def hides(self, size):
        """Whether bytes travel while a worker, one of `size`, computes."""
        return self.overlapping is None or size <= self.overlapping

    def seconds(self, exchanges, size):
        """Seconds for the `Exchange`s of one of K workers: times · (K − 1) · latency + bytes / bandwidth. size: K"""
        return sum(e.times * (size - 1) * self.latency + e.bytes / self.bandwidth for e in exchanges)


LINKS = {
    link.name: link
    for link in (
        # 25 Gbit/s: IEEE 802.3by. 10 µs: MPI's short messages over plain Ethernet (TCP), measured by the University of
        # New Mexico on ConnectX-4 (naddod.com, "EDR InfiniBand vs. 100Gb Ethernet Performance Competition")
        Link("ethernet", "Ethernet 25G, TCP", 10e-6, 25e9 / 8),
        # 200 Gbit/s and "sub-600ns latency": NVIDIA's manual of the ConnectX-6 adapter (docs.nvidia.com/networking)
        Link("infiniband", "InfiniBand HDR, 200 Gbit/s", 0.6e-6, 200e9 / 8),
        # 900 GB/s, both ways together: NVIDIA's data sheet of the H100; 256 of them on NVLink switches: its white paper
        # 3.4 µs: NCCL's own estimate for one hop of a long message (NVIDIA/nccl, `src/graph/tuning`, ring, simple)
        Link("nvlink", "NVLink 4", 3.4e-6, 450e9, most=256),
    )
}
