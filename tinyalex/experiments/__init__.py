"""The paper's claims as experiments: each changes one thing, over several seeds, and reports effect and interval.

plan.py        the terms: arm, contrast, claim, scale;  claims.py, successors.py, transfer.py  the claims
lab.py         turns arms and seeds into runs;          running.py     trains them
power.py       the power of n values;                  outlook.py    the spread of recorded results, and seeds to come
designs.py     claims at a scale that can decide them; schedule.py   the plan before the runs
trained.py     numbers read off a finished run;         report.py, chart.py    the results in words and pictures
comparison.py  two trained networks compared on the same pictures
"""
