"""Speed, side by side: our network and PyTorch's sides in turns, medians over rounds, as fractions of sgemm's rate.

setup.py      what to measure, and how many operations that takes
side.py       one side in its own process: ours.py our network, theirs.py PyTorch's, limit.py sgemm
predicted.py  the time of a step on a GPU that need not be at hand;  watch.py  each layer's calls
turns.py      the order of turns;  figures.py  from times to figures;  merged.py  several runs as one table
benchmark.py  the whole benchmark
machine.py    the machine it ran on
rounding.py   float32 errors of convolution, direct and Winograd
"""
