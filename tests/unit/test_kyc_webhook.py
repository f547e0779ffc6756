"""Results reach the webhook at least once, also those that a crash came in between."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from liveguard.errors import ConfigError, SinkError
from liveguard.kyc.store import ProofStore
from liveguard.kyc.webhook import ProofWebhook, forget, tell
from liveguard.server.database import Database
from liveguard.sinks.post import Answer
from liveguard.sinks.webhook import WebhookSink
from tests.proof_parts import POLICY, T0, after, signed
from tests.unit.test_webhook import SECRET, T0_S, URL, World, down

Make = Callable[..., ProofWebhook]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make(tmp_path: Path, world: World) -> Iterator[Make]:
    with contextlib.ExitStack() as stack:

        def build(**settings: Any) -> ProofWebhook:
            options: dict[str, Any] = {
                "transport": world.post,
                "clock": world.clock,
                "rng": random.Random(1),
                "start": False,
            }
            webhook = ProofWebhook(URL, secrets=SECRET, outbox=tmp_path / "out.sqlite", **{**options, **settings})
            stack.callback(webhook.close)
            return webhook

        yield build


@pytest.fixture
def store() -> Iterator[ProofStore]:
    with contextlib.closing(Database("sqlite://")) as database:
        yield ProofStore(database)


def finished(store: ProofStore, at_s: float = 0.0, report: bytes = b"", notify: bool = True) -> str:
    new = store.create(None, POLICY, after(at_s), notify=notify)
    store.redeem(new.id, new.token, after(at_s))
    store.consent(new.id, "en.sound", after(at_s))
    store.begin(new.id, after(at_s))
    store.finish(new.id, "live", report or signed(proof=new.id), after(at_s))
    return new.id


def test_a_result_arrives_signed_and_says_what_it_should(world: World, make: Make, store: ProofStore) -> None:
    webhook, proof = make(), finished(store)
    finished(store, notify=False)
    assert tell(store, webhook, after(1)) == 1
    assert tell(store, webhook, after(2)) == 0
    world.run(webhook, 1)
    (got,) = world.arrived
    assert (got["type"], got["timestamp"]) == ("proof.finished", "2023-11-14T22:13:20Z")
    data = got["data"]
    assert (data["id"], data["verdict"], len(data["reasons"]), len(data["report_hash"])) == (proof, "live", 3, 64)
    assert set(data) == {"id", "verdict", "reasons", "report_hash"}


def test_it_is_tried_until_it_arrives_also_after_a_restart(world: World, make: Make, store: ProofStore) -> None:
    webhook = make()
    world.answer = down
    proof = finished(store)
    tell(store, webhook, after(1))
    world.run(webhook, 60)
    assert world.tries
    assert world.arrived == []
    webhook.close()
    world.answer = World().answer
    world.run(make(), 600)
    assert world.ids == [proof]
    assert len({key for _, key in world.tries}) == 1


def test_a_receiver_that_refuses_for_an_hour_gets_it_all_the_same(world: World, make: Make, store: ProofStore) -> None:
    webhook, proof = make(), finished(store)
    world.answer = lambda: Answer(404)
    tell(store, webhook, after(1))
    world.run(webhook, 3600)
    world.answer = World().answer
    world.run(webhook, 301)
    assert world.ids == [proof]


def test_a_crash_between_storing_and_telling_is_made_good(world: World, make: Make, store: ProofStore) -> None:
    webhook = make()
    first, second = finished(store), finished(store, 5)
    assert tell(store, webhook, after(6)) == 2
    again = make()
    for proof in (first, second):  # as if the process had died before it could note that they are told
        with store._database.transaction() as connection:
            connection.exec_driver_sql("UPDATE liveguard_proofs SET told_us = NULL WHERE id = ?", (proof,))
    world.now_s = T0_S + 5.0
    assert tell(store, again, after(9)) == 2
    world.run(again, 10)
    assert world.ids == [first, second]  # the outbox knew them


def test_what_is_erased_is_not_told(make: Make, store: ProofStore) -> None:
    store.erase(finished(store), T0)
    assert tell(store, make(), T0) == 0


def refused() -> Answer:
    return Answer(410)


@pytest.mark.parametrize(("answer", "state"), [(down, "pending"), (refused, "dead")])
def test_what_is_erased_while_it_waits_is_taken_back(
    tmp_path: Path, world: World, make: Make, store: ProofStore, answer: Callable[[], Answer], state: str
) -> None:
    webhook, outbox = make(), tmp_path / "out.sqlite"
    world.answer = answer
    erased, other = finished(store), finished(store, 5)
    tell(store, webhook, T0)
    world.run(webhook, 60)
    assert webhook._outbox.counts(webhook.name)[state] >= 1
    store.erase(erased, T0)
    forget(outbox, [erased])
    raw = b"".join(file.read_bytes() for file in sorted(tmp_path.glob("out.sqlite*")))
    assert erased.encode() not in raw
    assert other.encode() in raw
    world.answer = World().answer
    webhook.close()
    world.run(make(), 600)
    assert world.ids == [other]


def test_what_is_erased_while_it_is_told_is_taken_back(
    world: World, make: Make, store: ProofStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook, notify = make(), ProofWebhook.notify

    def erased_meanwhile(self: ProofWebhook, proof: str, *result: Any) -> None:
        store.erase(proof, T0)
        notify(self, proof, *result)

    monkeypatch.setattr(ProofWebhook, "notify", erased_meanwhile)
    finished(store)
    tell(store, webhook, T0)
    world.run(webhook, 60)
    assert world.arrived == []


def test_where_nothing_waits_there_is_nothing_to_forget(tmp_path: Path) -> None:
    forget(None, ["p"])
    forget(tmp_path / "none", ["p"])
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_read_is_told_all_the_same(world: World, make: Make, store: ProofStore) -> None:
    webhook = make()
    finished(store, report=b"not a report")
    tell(store, webhook, T0)
    world.run(webhook, 1)
    assert (world.arrived[0]["data"]["verdict"], world.arrived[0]["data"]["reasons"]) == ("live", [])


def test_two_results_of_one_proof_are_refused(make: Make) -> None:
    webhook = make()
    webhook.notify("p", "live", [], "0")
    webhook.notify("p", "live", [], "0")
    with pytest.raises(SinkError, match="another result"):
        webhook.notify("p", "not_live", [], "0")


def test_alerts_of_the_same_receiver_are_not_touched(tmp_path: Path, make: Make) -> None:
    alerts = WebhookSink(URL, secrets=SECRET, outbox=tmp_path / "out.sqlite", start=False)
    webhook = make()
    webhook.notify("p", "live", [], "0")
    assert alerts._outbox.counts(alerts.name)["pending"] == 0
    assert webhook.name != alerts.name
    alerts.close()


def test_where_it_goes_must_be_safe(tmp_path: Path) -> None:
    for url in ("http://hooks.example/x", "file:///etc/passwd", "https://u:p@hooks.example/"):
        with pytest.raises(ConfigError):
            ProofWebhook(url, secrets=SECRET, outbox=tmp_path / "o")
