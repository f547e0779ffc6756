"""The commands of `liveguard`, one a file; each has `add_arguments(parser)` and `run(arguments) -> exit status`."""

from typing import Final

INTERRUPTED: Final = 130
"""Exit status, as shells say it for SIGINT."""
