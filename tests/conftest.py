"""What all tests share: where the laboratory recordings are, if they are there at all, and which tests want the machine alone."""

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


# Of what these wait for or allow, the clock of this machine is a part: servers, browsers, sounds and cameras in real time.
BY_THE_CLOCK = (
    "browser", "interop",
    "fuzz/test_file_tap_fuzz.py", "fuzz/test_sdp_fuzz.py", "fuzz/test_server_fuzz.py",
    "replay/test_camera_tap.py", "replay/test_microphone.py", "replay/test_live.py", "replay/test_impairments.py",
    "replay/test_rtc_ice.py", "replay/test_server_whip.py", "replay/test_whep.py", "replay/test_post_loopback.py",
    "replay/test_server_kill9.py", "replay/test_store_kill9.py", "replay/test_webhook_kill9.py",
    "replay/test_store_postgres.py", "replay/test_proof_postgres.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, so that the others can run side by side: `-m "not clock"`, on several processes."""
    here = Path(__file__).parent
    alone = [here / name for name in BY_THE_CLOCK]
    if gone := [str(place) for place in alone if not place.exists()]:
        raise pytest.UsageError(f"BY_THE_CLOCK names what is not there: {', '.join(gone)}")
    for item in items:
        if any(place == item.path or place in item.path.parents for place in alone):
            item.add_marker(pytest.mark.clock)
