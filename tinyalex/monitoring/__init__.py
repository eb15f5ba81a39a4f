"""After launch: a log of what a service was asked and answered, and what the log tells (see `tinyalex.serving`)."""
