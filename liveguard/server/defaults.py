"""What `liveguard serve` does where it is not told otherwise; apart from the settings, which load WebRTC."""

from __future__ import annotations

from typing import Final

HOST: Final = "127.0.0.1"
PORT: Final = 8765
MAX_SESSIONS: Final = 8
KEEP_DAYS: Final = 90.0
