"""What Prometheus reads: the right counts under the right labels, no foreign text, and never labels without end."""

from __future__ import annotations

import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from liveguard.plugins import load_detectors
from liveguard.server.metrics import MOST_CAUSES, REFUSALS, Metrics, cause
from liveguard.timeline import Timeline
from liveguard.types import HYPOTHESES, Detector, Fault, FeedInfo, Gap, Reading, Status
from tests.store_cases import alert, cleared

FOREIGN = 'Zoe\'s "Phone" <img src=x>\n$(reboot)'


@pytest.fixture(scope="module")
def checks() -> tuple[Detector, ...]:
    return tuple(load_detectors())


class Plugin:
    """Stands for a check that is not part of liveguard."""

    name = "gaze"


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample on the page by name and labels."""
    body, _ = metrics.render()
    families = text_string_to_metric_families(body.decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def labels_of(metrics: Metrics, name: str, label: str) -> set[str]:
    return {dict(labels)[label] for found, labels in samples(metrics) if found == name}


def reading(llr: float | None, why: str = "no speech: 0.3 s of voice", check: str = "lipsync") -> Reading:
    return Reading(check, 1, 0, 1, llr, 1.0, why)


def test_readings_are_counted_by_check_and_outcome(checks: tuple[Detector, ...]) -> None:
    metrics = Metrics(checks)
    for llr in (2.0, 0.5, -1.0, None, None, None, float("nan")):
        metrics.event(reading(llr), simulated=False)
    counts = {
        outcome: value(metrics, "liveguard_readings_total", check="lipsync", outcome=outcome)
        for outcome in ("for", "against", "cannot_judge")
    }
    assert counts == {"for": 2, "against": 1, "cannot_judge": 4}
    assert value(metrics, "liveguard_cannot_judge_total", check="lipsync", cause="no speech") == 4
    assert value(metrics, "liveguard_readings_total", check="mesh", outcome="for") == 0, "begins at zero"


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        ("no model", "no model"),
        ("no speech: 0.3 s of voice, 1 s needed: speak", "no speech"),
        ("face too small: 53 px wide, 80 px needed: come closer", "face too small"),
        ("frame rate 12 fps, 20 needed", "frame rate # fps, # needed"),
        ("1.2 s of face seen, 4.0 s needed: wait", "# s of face seen, # s needed"),
        ("face in view 53% of the time: stay in view", "face in view #% of the time"),
        ("the sound is -3 dB, 1,000 needed", "the sound is # dB, # needed"),
        ("the camera is virtual: Zoe's phone", "the camera is virtual"),
        (FOREIGN, "other"),
        ("ValueError", "other"),
        ("the camera is \u202eevil", "other"),
        ("x" * 81, "other"),
        ("", "other"),
        (": only behind the colon", "other"),
    ],
)
def test_a_cause_is_the_reason_up_to_the_colon_without_figures(why: str, expected: str) -> None:
    assert cause(why) == expected


def test_every_check_gives_causes_in_its_own_words(checks: tuple[Detector, ...]) -> None:
    """What the built-in checks say without any data; a new reason in other letters would be counted as "other"."""
    metrics = Metrics(checks)
    timeline = Timeline(FeedInfo("test"), keep_us=30_000_000, wants_audio=True)
    for check in checks:
        window = timeline.window(check.need, check.need.length_us, None if check.need.scope == "feed" else 0)
        said = check.evaluate(window)
        assert said.llr is None
        metrics.event(said, simulated=False)
    assert labels_of(metrics, "liveguard_cannot_judge_total", "check") == {check.name for check in checks}
    assert "other" not in labels_of(metrics, "liveguard_cannot_judge_total", "cause")


def test_a_plug_in_is_named_only_where_it_was_loaded_and_its_words_never_are(checks: tuple[Detector, ...]) -> None:
    metrics = Metrics((*checks, Plugin()))  # type: ignore[arg-type]
    metrics.event(reading(None, "zoe is not looking", "gaze"), simulated=False)
    metrics.event(reading(None, "zoe is not looking", FOREIGN), simulated=False)
    metrics.event(reading(1.0, "", FOREIGN), simulated=False)
    assert value(metrics, "liveguard_cannot_judge_total", check="gaze", cause="other") == 1
    assert value(metrics, "liveguard_cannot_judge_total", check="other", cause="other") == 1
    assert value(metrics, "liveguard_readings_total", check="other", outcome="for") == 1
    assert b"zoe" not in metrics.render()[0].lower()


def test_causes_are_bounded_and_the_known_ones_go_on(checks: tuple[Detector, ...]) -> None:
    metrics = Metrics(checks)
    letters = "abcdefghijklmnopqrstuvwxyz"
    for first in letters:
        for second in letters:
            metrics.event(reading(None, f"no {first}{second}"), simulated=False)
    metrics.event(reading(None, "no aa"), simulated=False)
    causes = labels_of(metrics, "liveguard_cannot_judge_total", "cause")
    assert len(causes) == MOST_CAUSES + 1
    assert value(metrics, "liveguard_cannot_judge_total", check="lipsync", cause="no aa") == 2
    assert value(metrics, "liveguard_cannot_judge_total", check="lipsync", cause="other") == 26 * 26 - MOST_CAUSES


def test_alerts_tell_the_simulated_from_the_real() -> None:
    metrics = Metrics()
    metrics.event(alert(), simulated=True)
    metrics.event(alert("s-2"), simulated=False)
    metrics.event(alert("s-3"), simulated=False)
    metrics.event(cleared(), simulated=False)
    counts = {
        (state, simulated): value(
            metrics, "liveguard_alerts_total", hypothesis="feed_injected", state=state, simulated=simulated
        )
        for state in ("raised", "cleared")
        for simulated in ("yes", "no")
    }
    assert counts == {("raised", "yes"): 1, ("raised", "no"): 2, ("cleared", "yes"): 0, ("cleared", "no"): 1}
    assert labels_of(metrics, "liveguard_alerts_total", "hypothesis") == set(HYPOTHESES), "all begin at zero"


def test_faults_are_counted_by_place_without_what_was_said(checks: tuple[Detector, ...]) -> None:
    metrics = Metrics(checks)
    places = {
        "face tracking": "face tracking",
        "check mesh": "check mesh",
        "check of Zoe": "other",
        "sink StoreSink": "sink StoreSink",
        "sink of <Zoe>": "other",
        "webhook security.example.org": "webhook",
        "tap": "tap",
        FOREIGN: "other",
    }
    for where in places:
        metrics.event(Fault(0, where, FOREIGN), simulated=False)
    assert labels_of(metrics, "liveguard_faults_total", "where") == set(places.values())
    assert value(metrics, "liveguard_faults_total", where="other") == 3
    for number in range(200):
        metrics.event(Fault(0, f"sink S{number}", ""), simulated=False)
    assert len(labels_of(metrics, "liveguard_faults_total", "where")) <= 65
    assert b"zoe" not in metrics.render()[0].lower()


def test_ages_fall_into_buckets_and_what_was_shed_adds_up() -> None:
    metrics = Metrics()
    for age_s in (0.01, 0.04, 0.4, 9.0, -0.5, float("nan"), None):
        metrics.frame(age_s)
    metrics.shed(frames=3, samples=160, jobs=2)
    metrics.shed(frames=2, events=4)
    metrics.shed(frames=-1, samples=-1, jobs=-1, events=-1)  # a session that began anew counts from 0 again
    assert value(metrics, "liveguard_frames_total") == 7
    assert value(metrics, "liveguard_frames_shed_total") == 5
    assert value(metrics, "liveguard_audio_samples_shed_total") == 160
    assert value(metrics, "liveguard_jobs_skipped_total") == 2
    assert value(metrics, "liveguard_events_dropped_total") == 4
    bucket = "liveguard_frame_age_seconds_bucket"
    edges = [value(metrics, bucket, le=edge) for edge in ("0.02", "0.05", "0.5", "2.0", "+Inf")]
    assert edges == [2, 3, 4, 4, 5]
    assert value(metrics, "liveguard_frame_age_seconds_count") == 5


def test_sessions_listeners_refusals_and_feedback() -> None:
    metrics = Metrics()
    for kind in ("webcam", "whip", "whip", FOREIGN):
        metrics.session_started(kind)
    metrics.sessions(connected=2, waiting=1)
    metrics.sessions(connected=1, waiting=0)
    metrics.websocket_clients(3)
    for why in ("token", "token", FOREIGN):
        metrics.refused(why)
    for verdict in ("real", FOREIGN):
        metrics.feedback(verdict)
    page = samples(metrics)
    assert {labels: count for (name, labels), count in page.items() if name == "liveguard_sessions_started_total"} == {
        frozenset({("kind", kind)}): count for kind, count in {"webcam": 1, "meeting": 0, "whip": 2, "other": 1}.items()
    }
    assert value(metrics, "liveguard_sessions", state="connected") == 1
    assert value(metrics, "liveguard_sessions", state="waiting") == 0
    assert value(metrics, "liveguard_websocket_clients") == 3
    assert value(metrics, "liveguard_connections_refused_total", why="token") == 2
    assert labels_of(metrics, "liveguard_connections_refused_total", "why") == {*REFUSALS, "other"}
    assert value(metrics, "liveguard_feedback_total", verdict="real") == 1
    assert value(metrics, "liveguard_feedback_total", verdict="false_alarm") == 0
    assert value(metrics, "liveguard_feedback_total", verdict="other") == 1


def test_statuses_and_gaps_are_not_counted() -> None:
    metrics = Metrics()
    before = {key: count for key, count in samples(metrics).items() if key[0].startswith("liveguard")}
    metrics.event(Status(0, "feed", "genuine", 0.01, ()), simulated=False)
    metrics.event(Gap("video", 0, 1, "shed"), simulated=False)
    assert {key: count for key, count in samples(metrics).items() if key[0].startswith("liveguard")} == before


def test_the_page_is_prometheus_text_and_two_servers_do_not_share_figures() -> None:
    one, other = Metrics(), Metrics()
    one.frame(0.1)
    assert value(other, "liveguard_frames_total") == 0
    body, kind = one.render()
    assert kind.startswith("text/plain; version=")
    assert b"# TYPE liveguard_frame_age_seconds histogram" in body
    assert value(one, "process_resident_memory_bytes") > 1e6  # type: ignore[operator]
    assert not any(name.endswith("_created") for name, _ in samples(one))


def test_threads_lose_no_count() -> None:
    metrics = Metrics()

    def work() -> None:
        for _ in range(500):
            metrics.frame(0.1)
            metrics.event(reading(1.0), simulated=False)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    assert value(metrics, "liveguard_frames_total") == 2000
    assert value(metrics, "liveguard_readings_total", check="other", outcome="for") == 2000
