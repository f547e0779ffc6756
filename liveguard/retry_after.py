"""What a server asks for that wants to be left in peace for a while."""

from __future__ import annotations

from datetime import timezone
from email.utils import parsedate_to_datetime

LONGEST = 64  # letters of a header that is looked at


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """The wait in s that a Retry-After header (RFC 9110, section 10.2.3: seconds or a date) asks for; None if it is absent or
    odd. Callers bound it."""
    text = (header or "").strip()
    if len(text) > LONGEST:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)
    return max(0.0, at.timestamp() - now_s)
