"""Looking inside a trained network: what it sees, what it takes for what, and which of its units do nothing.

Measurements are functions of arrays, each kind in a file of its own; `charts` and `galleries` turn them into figures,
`seen`, `answers` and `course` choose what is shown and say what is to be seen, `page` lays it out.
"""
