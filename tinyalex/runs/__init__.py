"""What a run leaves behind: its configuration, its folder, its checkpoints, and trained networks read from them."""
