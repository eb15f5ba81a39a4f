"""What more workers would bring, predicted from what one of them was measured to do.

measure.py  seconds of the parts of a step;  links.py  what carries the bytes between workers
model.py    the step time that follows, and what follows from it;  chart.py    its picture
ranks.py    two real workers under mpiexec, which launch.py starts;  check.py  predictions beside their steps
"""
