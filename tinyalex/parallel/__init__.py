"""Several workers on one step: threads, MPI ranks, GPUs.

team.py     the workers and their exchanges; threads.py, mpi.py and nccl.py carry them
stages.py   the three forms: data, towers, hybrid
network.py  a worker's part of a network;  shares.py  a worker's share of a batch
sums.py     gradients added up during the backward pass;  traffic.py  the bytes of a step
part.py     a worker's part in training;  joining.py  how a command becomes a team
"""

from tinyalex.parallel.network import split_network
from tinyalex.parallel.team import Alone, Team
from tinyalex.parallel.threads import run_threads
