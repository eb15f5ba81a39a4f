"""One file a command: `DESCRIPTION`, `EXAMPLES`, `add_arguments(parser)`, `run(args)` → a dict for --json, `show(result)`."""
