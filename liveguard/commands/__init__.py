"""The commands of `liveguard`, one a file; each has `add_arguments(parser)` and `run(arguments) -> exit status`."""
