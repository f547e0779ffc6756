"""Whole liveness sessions in Chromium, judged by the real checks: somebody who answers passes, and no bench attack does.

`python -m tests.bench.proof_attacks` does the same many times over, for the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from liveguard.guard import Guard
from liveguard.kyc.decision import ASK_A_PERSON
from liveguard.kyc.flow import NOT_SHOWN
from liveguard.kyc.report import verify
from tests.bench.proof_attacks import BONA_FIDE, HELD_BACK, LIBRARY, METHODS, SPARED, Stage, one
from tests.browser.parts import needs_chromium
from tests.server_parts import Running, serving

pytestmark = [pytest.mark.replay, needs_chromium]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    try:
        made = Stage(tmp_path_factory.mktemp("stage"), 1)
    except FileNotFoundError as error:
        pytest.skip(f"the feeds cannot be made: {error}: is espeak-ng installed (apt-get install espeak-ng)?")
    yield made
    made.close()


@pytest.fixture
def server(guard: Guard) -> Iterator[Running]:
    with serving(guard) as running:
        yield running


def session(server: Running, stage: Stage, out: Path, species: str, method: str = METHODS[0]) -> dict[str, Any]:
    (out / "reports").mkdir(exist_ok=True)
    return one(server, stage, out, species, method, 3)


def test_somebody_who_answers_passes_soon_after_the_last_step(server: Running, stage: Stage, tmp_path: Path) -> None:
    row = session(server, stage, tmp_path, BONA_FIDE)
    report = (tmp_path / row["report"]).read_bytes()
    assert row["verdict"] == "live", report
    assert verify(report).verdict == "live"
    assert row["judged_after_s"] < 3.0
    assert 10.0 < row["lasted_s"] < 23.0  # from the first announcement to the verdict


@pytest.mark.parametrize(
    ("species", "method"),
    [
        ("delayed relay", METHODS[0]),
        ("replayed session", METHODS[1]),
        ("still photo", METHODS[2]),
        (LIBRARY, METHODS[2]),
    ],
)
def test_no_attack_is_taken_for_live(server: Running, stage: Stage, tmp_path: Path, species: str, method: str) -> None:
    row = session(server, stage, tmp_path, species, method)
    assert row["report"], "the session gave no report"
    assert row["lasted_s"] > 10.0, "it went through all steps"
    assert row["verdict"] in ("not_live", "cannot_judge")


def test_who_answers_by_a_library_of_pictures_and_leaves_out_the_rest_is_for_a_person_to_look_at(
    server: Running, stage: Stage, tmp_path: Path
) -> None:
    row = session(server, stage, tmp_path, SPARED, METHODS[2])
    assert row["verdict"] == "cannot_judge"
    assert ASK_A_PERSON in (tmp_path / row["report"]).read_text()


def test_a_relay_that_holds_back_that_a_step_was_shown_is_not_judged_by_it(
    server: Running, stage: Stage, tmp_path: Path
) -> None:
    row = session(server, stage, tmp_path, HELD_BACK, METHODS[2])
    assert row["verdict"] == "cannot_judge"
    assert NOT_SHOWN in (tmp_path / row["report"]).read_text()
