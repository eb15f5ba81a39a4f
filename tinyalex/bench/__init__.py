"""Speed, side by side: our network and PyTorch's in turns, medians over rounds, as fractions of what sgemm can do.

setup.py    what is measured, and how much work it is
side.py     one side in a process of its own
ours.py     what our side can be asked, theirs.py what PyTorch's can, limit.py what sgemm can
measure.py  the order of turns, and what follows from the times
"""
