"""Who has failed too often lately: only what looked like an attack counts, not what could not be judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, and_, or_, select

from liveguard.challenge.policy import ProofPolicy
from liveguard.kyc.tables import PROOFS
from liveguard.utc import at_of, unix_us

WRONG_TOKENS: Final = 5
"""After so many a proof is closed, and counts as failed."""


def locked_until(connection: Connection, subject_hash: str, policy: ProofPolicy, now: datetime) -> datetime | None:
    """When the subject may try again; None if it may now.

    Failures are proofs that said "not live", and those that were closed by wrong tokens. Of a person in a dark room, or
    with a bad connection, nothing is counted.
    """
    now_us = unix_us(now)
    window_us, lock_us = round(policy.lock_window_s * 1e6), round(policy.lock_out_s * 1e6)
    failed = or_(
        and_(PROOFS.c.state == "done", PROOFS.c.verdict == "not_live"),
        and_(PROOFS.c.state == "expired", PROOFS.c.wrong_tokens >= WRONG_TOKENS),
    )
    recent = PROOFS.c.ended_us > now_us - window_us - lock_us
    query = select(PROOFS.c.ended_us).where(PROOFS.c.subject_hash == subject_hash, failed, recent)
    ends_us = sorted(connection.scalars(query))
    last_us = last_of_too_many(ends_us, policy.tries, window_us)
    return None if last_us is None or last_us + lock_us <= now_us else at_of(last_us + lock_us)


def last_of_too_many(ends_us: Sequence[int], tries: int, window_us: int) -> int | None:
    """The latest of the times, in order, that ends a stretch of `window_us` with `tries` of them; None if none does."""
    for last in range(len(ends_us) - 1, tries - 2, -1):
        if ends_us[last] - ends_us[last - tries + 1] <= window_us:
            return ends_us[last]
    return None


def memory_us(policy: ProofPolicy) -> int:
    """For how long after its end a proof may still lead to a lock-out, or keep one up."""
    return round((policy.lock_window_s + policy.lock_out_s) * 1e6)
