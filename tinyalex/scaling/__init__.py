"""The speed of more workers, predicted from measurements of one.

timing.py  seconds for the parts of a step;  links.py  latency and bandwidth between workers
model.py   the step time that follows from both;  chart.py  its picture
ranks.py   two real workers under mpiexec, started by launch.py;  check.py  predictions beside their real steps
"""
