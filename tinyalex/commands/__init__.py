"""One file a command: `HELP`, `EXAMPLES`, `add_arguments(parser)`, `run(args)` → a dict for --json, `show(result)`."""
