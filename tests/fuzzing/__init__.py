"""Damaged and hostile inputs, one module per reader, for tests/fuzz.py.

A module has
    make(random, folder, shared)   write one input into the empty `folder`; return the case. random: random.Random
    setup(folder)                  optional: what all cases share, made once; its result is `shared`
A case is the command that reads the input, as a list of words (["prepare", source, out]), or a function without
arguments. A command writes nowhere but to `folder / "out"`. A function returns if the input is accepted, and raises
UserError if not.

An input is right but for the one or few things that `random` chooses to spoil: pure noise never gets past the first
check. Some cases must be accepted, or the reader refuses everything and nobody sees it. Code in an input, if anything
ran it, would make a file `folder / "code-ran"`.
"""
