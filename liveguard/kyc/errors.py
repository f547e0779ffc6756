"""Why a proof is refused. No message holds a token, a key or what a subject is called."""

from __future__ import annotations

from datetime import datetime

from liveguard.errors import InputError, LiveguardError


class UnknownProof(LiveguardError):  # noqa: N818 (the API answers 404, nothing is broken)
    """There is no proof with this id."""


class WrongToken(LiveguardError):  # noqa: N818 (the API answers 403)
    """The token is not the one that was given out; `left`: how many more tries the proof takes."""

    def __init__(self, left: int) -> None:
        super().__init__("this link is not valid" if left else "this link is not valid, and the proof is closed now")
        self.left = left


class ProofClosed(LiveguardError):  # noqa: N818 (the API answers 410)
    """The proof is in a state in which this cannot be done; `state` says which, "" where it is not stored any more."""

    def __init__(self, what: str, state: str) -> None:
        super().__init__(what)
        self.state = state


class LockedOut(LiveguardError):  # noqa: N818 (the API answers 429)
    """Too many of the subject's proofs have failed: none is given out before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"too many proofs have failed: none is given out before {until:%H:%M:%S} UTC")
        self.until = until


class ReportError(InputError):
    """A report that is damaged, changed, not signed with the expected key, or no report at all."""
