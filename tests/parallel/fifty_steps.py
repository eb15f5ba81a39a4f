"""A rank of a test: fifty steps of a small network in float64, and the largest difference from one network.

Arguments: form, pictures in a batch. Rank 0 prints the difference, and whether all ranks ended with the same bits.
"""

import sys

import numpy as np

from tests.parallel.test_network import network, train
from tinyalex.backend import set_thread_count
from tinyalex.parallel import split_network
from tinyalex.parallel.mpi import MpiTeam, import_mpi

form, count = sys.argv[1], int(sys.argv[2])
set_thread_count(1)
team = MpiTeam(import_mpi().COMM_WORLD)
net = split_network(form, network(), team)
train(net, 50, count, team=True)
found = net.joined(net.params)
same = len({str(words) for words in team.agree([float(abs(p).sum()) for p in found.values()])}) == 1
if team.rank == 0:
    alone = network()
    train(alone, 50, count)
    print(max(np.abs(found[name] - p).max() / np.abs(p).max() for name, p in alone.params.items()), same)
