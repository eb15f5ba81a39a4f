"""Look inside a trained network: what it sees, what it confuses, and which of its units do nothing.

Measurements are functions of arrays, each kind in its own file; `charts` and `galleries` turn them into figures;
`seen`, `answers` and `course` choose what to show and describe it; `page` lays it out.
"""
