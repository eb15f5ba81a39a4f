"""Several workers on one step: threads, MPI ranks, GPUs.

team.py     workers and what they exchange; threads.py, mpi.py and nccl.py carry it
stages.py   the forms: data, towers, hybrid
network.py  a worker's part of a network;  sums.py  gradients added up on the way
traffic.py  the bytes that all this takes
"""

from tinyalex.parallel.network import split_network
from tinyalex.parallel.team import Alone, Team
from tinyalex.parallel.threads import run_threads
