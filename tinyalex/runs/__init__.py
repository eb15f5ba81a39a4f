"""The traces of a run: its configuration, its folder, its checkpoints, and trained networks read from them."""
