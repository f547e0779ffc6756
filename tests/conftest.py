"""What all tests share: where the laboratory recordings are, if they are there at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("LIVEGUARD_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of laboratory recordings, which is not part of the project; tests that need it skip without it."""
    if not (DATA / "video" / "manifest.csv").is_file():
        pytest.skip(f"no laboratory recordings at {DATA} (set LIVEGUARD_DATA)")
    return DATA
