"""Looking inside a trained network: what it sees, what it takes for what, and which of its units do nothing.

Measurements are functions of arrays, each in a file of its own; `drawing` turns them into pictures, `sections` says
what they show, `page` lays them out.
"""
