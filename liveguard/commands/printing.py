"""Standard output as one of the sinks of a live feed: what is to be done when nobody reads it, or nothing can be written."""

from __future__ import annotations

import sys

from liveguard.commands.streams import OutputError, UnreadError
from liveguard.types import Event, Sink


class Printing:
    """`sink` writes to standard output. `alone`: no other sink hears of the feed, which then need not be guarded any more
    once printing has failed (`over`). With others it is said on standard error, once, and they go on.

    `error` is how it failed last. A disk that is full is tried again, as any sink is; a reader who has gone is not.
    """

    def __init__(self, sink: Sink, alone: bool) -> None:
        self.error: OutputError | UnreadError | None = None
        self._sink, self._alone = sink, alone

    @property
    def over(self) -> bool:
        return self._alone and self.error is not None

    def send(self, event: Event) -> None:
        if isinstance(self.error, UnreadError):
            return
        try:
            self._sink.send(event)
        except UnreadError as error:
            self._note(error)
        except OutputError as error:
            self._note(error)
            raise

    def close(self) -> None:
        self._sink.close()

    def _note(self, error: OutputError | UnreadError) -> None:
        if self.error is None and not self._alone:
            sys.stderr.write(f"liveguard: {error}; the other sinks go on\n")
            sys.stderr.flush()
        self.error = error
