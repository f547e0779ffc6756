"""Who has failed too often lately, or looked at too many scripts.

What looked like an attack counts, and so does, by a third, each script that was seen and led to no verdict: whoever may look at
scripts and leave, or let nothing be judged, could wait for one that suits. A person in a dark room or with a bad connection has
three of them in a link, so that no link of theirs counts for more than one failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, and_, case, func, or_, select

from liveguard.challenge.policy import ProofPolicy
from liveguard.kyc.tables import PROOFS, at_of
from liveguard.server.tables import unix_us

WRONG_TOKENS: Final = 5
"""After so many a proof is closed, and counts as failed."""
PER_FAILURE: Final = 3
"""So many scripts without a verdict count as one failure: those of one link."""


def locked_until(
    connection: Connection, subject_hash: str | None, policy: ProofPolicy, now: datetime
) -> datetime | None:
    """When the subject may try again; None if it may now, or nobody is counted.

    Failures are proofs that said "not live", and those that were closed by wrong tokens. One that is running counts as if
    nothing came of any of its scripts: many at once would be as many looks.
    """
    if subject_hash is None:
        return None
    now_us = unix_us(now)
    window_us, lock_us = round(policy.lock_window_s * 1e6), round(policy.lock_out_s * 1e6)
    failed = or_(
        and_(PROOFS.c.state == "done", PROOFS.c.verdict == "not_live"),
        and_(PROOFS.c.state == "expired", PROOFS.c.wrong_tokens >= WRONG_TOKENS),
    )
    going_on = and_(PROOFS.c.state == "running", PROOFS.c.expires_us > now_us)
    thirds = case((failed, PER_FAILURE), (going_on, PER_FAILURE), else_=0) + func.coalesce(PROOFS.c.undecided, 0)
    at_us = func.coalesce(PROOFS.c.ended_us, now_us)
    recent = or_(going_on, PROOFS.c.ended_us > now_us - window_us - lock_us)
    query = select(at_us, thirds).where(PROOFS.c.subject_hash == subject_hash, recent)
    thirds_us = sorted(int(t_us) for t_us, count in connection.execute(query) for _ in range(count))
    last_us = last_of_too_many(thirds_us, PER_FAILURE * policy.tries, window_us)
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
