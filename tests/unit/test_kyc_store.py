"""A proof is redeemed once, is locked out where it should be, and leaves nothing when it is erased."""

from __future__ import annotations

import contextlib
import io
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.challenge.policy import ProofPolicy
from liveguard.cli import main
from liveguard.errors import ConfigError, InputError
from liveguard.kyc.decision import Outcome
from liveguard.kyc.errors import LockedOut, ProofClosed, UnknownProof, WrongToken
from liveguard.kyc.lockout import WRONG_TOKENS, last_of_too_many
from liveguard.kyc.store import GRACE_S, NewProof, ProofStore
from liveguard.kyc.tokens import matches, new_token, token_hash
from liveguard.kyc.webhook import FINISHED, OUTBOX_NAME
from liveguard.outbox import Outbox
from liveguard.server.database import Database, StoreError
from liveguard.server.store import Store
from liveguard.sinks.webhook import idempotency_key
from tests.proof_parts import POLICY, T0, after, signed

SUBJECT = "customer-4711-of-the-bank"
REPORT = b'{"secret":"a-very-recognisable-report"}'


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProofStore]:
    where = tmp_path / "s.sqlite" if request.param == "file" else "sqlite://"
    with contextlib.closing(Store(where)) as opened:
        yield ProofStore(opened.database)


def redeemed(store: ProofStore, subject: str | None = SUBJECT, at_s: float = 0.0, policy: ProofPolicy = POLICY) -> str:
    new = store.create(subject, policy, after(at_s))
    store.redeem(new.id, new.token, after(at_s))
    return new.id


def running(store: ProofStore, subject: str | None = SUBJECT, at_s: float = 0.0, policy: ProofPolicy = POLICY) -> str:
    proof = redeemed(store, subject, at_s, policy)
    store.consent(proof, "en.sound", after(at_s))
    store.begin(proof, after(at_s))
    return proof


def failed(store: ProofStore, at_s: float, subject: str = SUBJECT) -> str:
    proof = running(store, subject, at_s)
    store.finish(proof, "not_live", REPORT, after(at_s))
    return proof


def test_tokens() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 32 and token.replace("-", "").replace("_", "").isalnum() for token in tokens)
    token = tokens.pop()
    assert matches(token, token_hash(token))
    for wrong in ("", token[:-1], token + "A", "é", "\ud800", "x" * 10_000):
        assert not matches(wrong, token_hash(token))
    assert not matches(token, None)


def test_a_proof_from_its_opening_to_its_result(store: ProofStore) -> None:
    new = store.create(SUBJECT, POLICY, T0, locale="de-CH", needs=["no_speech"], link_s=600)
    key = store.redeem(new.id, new.token, after(599))
    assert store.knows(new.id, key)
    assert not store.knows(new.id, new.token)
    store.consent(new.id, "en.sound", after(610), ["no_speech", "no_hands"])
    store.begin(new.id, after(620))
    proof = store.proof(new.id)
    assert proof is not None
    assert (proof.state, proof.locale, proof.nonce) == ("running", "de-CH", new.nonce)
    assert (proof.needs, proof.own_needs) == (("no_speech",), ("no_hands",))  # who said what stays apart
    assert (proof.policy, proof.created_at, proof.consent_at) == (POLICY.in_language("de"), T0, after(610))
    assert proof.expires_at == after(599 + POLICY.answer_s)
    store.finish(new.id, "live", REPORT, after(650))
    proof = store.proof(new.id)
    assert proof is not None
    assert (proof.state, proof.verdict, proof.report, proof.ended_at) == ("done", "live", REPORT, after(650))
    assert store.knows(new.id, key)
    assert store.proof("other") is None


def test_each_thing_is_done_once_and_in_order(store: ProofStore) -> None:
    new = store.create(None, POLICY, T0)
    for early in (partial(store.consent, new.id, "en.sound"), partial(store.begin, new.id)):
        with pytest.raises(ProofClosed) as said:
            early(T0)
        assert said.value.state == "waiting"
    store.redeem(new.id, new.token, T0)
    with pytest.raises(ProofClosed, match="used before"):
        store.redeem(new.id, new.token, T0)
    with pytest.raises(ProofClosed, match="used before"):  # whoever has a wrong one learns no more
        store.redeem(new.id, "wrong", T0)
    with pytest.raises(ProofClosed):
        store.begin(new.id, T0)  # without consent
    with pytest.raises(ProofClosed):
        store.finish(new.id, "live", REPORT, T0)  # without a step
    store.consent(new.id, "en.sound", T0)
    store.begin(new.id, T0)
    with pytest.raises(ProofClosed):
        store.consent(new.id, "en.sound", T0)
    with pytest.raises(ProofClosed):
        store.begin(new.id, T0)
    store.finish(new.id, "cannot_judge", REPORT, T0)
    with pytest.raises(ProofClosed):
        store.finish(new.id, "live", REPORT, T0)
    with pytest.raises(UnknownProof):
        store.consent("nobody", "en.sound", T0)
    with pytest.raises(UnknownProof):
        store.redeem("nobody", new.token, T0)
    with pytest.raises(InputError):
        store.finish(new.id, "perhaps", REPORT, T0)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        store.finish(new.id, "live", b"x" * 1_000_001, T0)


def test_needs_that_leave_too_little_are_refused(store: ProofStore) -> None:
    few = ProofPolicy(kinds=("light", "pose", "digits"))
    with pytest.raises(ConfigError, match="fewer than two"):
        store.create(None, few, T0, needs=["no_flashes", "no_speech"])
    new = store.create(None, few, T0, needs=["no_flashes"])
    store.redeem(new.id, new.token, T0)
    with pytest.raises(ConfigError, match="fewer than two"):
        store.consent(new.id, "en.sound", T0, ["no_speech"])
    store.consent(new.id, "en.sound", T0)


def test_who_has_agreed_may_say_later_that_there_is_no_microphone(store: ProofStore) -> None:
    proof = redeemed(store)
    store.consent(proof, "en.sound", after(1), ["no_hands"])
    store.consent(proof, "en.picture", after(9), ["no_speech"])
    kept = store.proof(proof)
    assert kept is not None
    assert kept.consent_text == "en.sound"
    assert (kept.consent_at, kept.own_needs) == (after(1), ("no_hands", "no_speech"))


def race(threads: int, do: Callable[[], object]) -> list[object]:
    """What each thread got, or the type of what it raised."""
    got: list[object] = []
    start = threading.Barrier(threads)

    def one() -> None:
        start.wait()
        try:
            got.append(do())
        except Exception as error:  # noqa: BLE001  (a thread's error is what is looked at)
            got.append(type(error))

    running = [threading.Thread(target=one) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return got


def test_of_twenty_threads_one_redeems(store: ProofStore) -> None:
    new = store.create(SUBJECT, POLICY, T0)
    got = race(20, lambda: store.redeem(new.id, new.token, T0))
    assert got.count(ProofClosed) == 19
    (key,) = (each for each in got if isinstance(each, str))
    assert store.knows(new.id, key)
    store.consent(new.id, "en.sound", T0)
    assert race(8, lambda: store.begin(new.id, T0)).count(None) == 1
    assert race(8, lambda: store.finish(new.id, "live", REPORT, T0)).count(None) == 1


def test_of_several_processes_one_redeems(tmp_path: Path) -> None:
    """As near as threads come to it: each has a connection of its own."""
    with contextlib.ExitStack() as stack:
        stores = [ProofStore(stack.enter_context(contextlib.closing(Database(tmp_path / "s")))) for _ in range(4)]
        new, free = stores[0].create(SUBJECT, POLICY, T0), list(stores)
        got = race(4, lambda: free.pop().redeem(new.id, new.token, T0))
        assert got.count(ProofClosed) == 3
        assert stores[0].create(SUBJECT, POLICY, T0)  # and they hash subjects with the same salt
        assert len(stores[1].erase_subject(SUBJECT, T0)) == 2


def test_wrong_tokens_close_it(store: ProofStore) -> None:
    new = store.create(SUBJECT, POLICY, T0)
    left = []
    for _ in range(WRONG_TOKENS):
        with pytest.raises(WrongToken) as said:
            store.redeem(new.id, new_token(), T0)
        left.append(said.value.left)
    assert left == [4, 3, 2, 1, 0]
    with pytest.raises(ProofClosed):
        store.redeem(new.id, new.token, T0)
    other = store.create(SUBJECT, POLICY, T0)
    got = race(20, lambda: store.redeem(other.id, "wrong", T0))
    assert (got.count(WrongToken), got.count(ProofClosed)) == (WRONG_TOKENS, 20 - WRONG_TOKENS)


def test_who_fails_too_often_is_locked_out(store: ProofStore) -> None:
    for at_s in (0, 10, 20, 30):
        failed(store, at_s)
    guessed = store.create(SUBJECT, POLICY, after(40))
    for _ in range(WRONG_TOKENS):
        with pytest.raises(WrongToken):
            store.redeem(guessed.id, "wrong", after(40))
    with pytest.raises(LockedOut) as said:
        store.create(SUBJECT, POLICY, after(41))
    assert said.value.until == after(40 + POLICY.lock_out_s)
    assert SUBJECT not in str(said.value)
    store.create("somebody else", POLICY, after(41))
    store.create(None, POLICY, after(41))
    with pytest.raises(LockedOut):
        store.create(SUBJECT, POLICY, after(40 + POLICY.lock_out_s - 1))
    store.create(SUBJECT, POLICY, after(40 + POLICY.lock_out_s))


def test_what_could_not_be_judged_or_was_not_finished_locks_nobody_out(store: ProofStore) -> None:
    """As when the server ended, or before anything was seen."""
    at_s = 0.0
    for _ in range(POLICY.tries + 1):
        store.finish(running(store, SUBJECT, at_s), "cannot_judge", REPORT, after(at_s))
        store.finish(running(store, SUBJECT, at_s), "live", REPORT, after(at_s))
        running(store, SUBJECT, at_s)
        at_s += POLICY.answer_s
    store.expire(after(at_s + GRACE_S))
    store.create(SUBJECT, POLICY, after(at_s + GRACE_S))


def looked(store: ProofStore, at_s: float, undecided: int, verdict: Outcome = "cannot_judge") -> None:
    store.finish(running(store, SUBJECT, at_s), verdict, REPORT, after(at_s), undecided)


def test_a_bad_network_or_a_dark_room_locks_out_after_five_links_all_whose_tries_came_to_nothing(
    store: ProofStore,
) -> None:
    for n in range(POLICY.tries - 1):
        looked(store, 60 * n, 3)
    looked(store, 300, 2, "live")
    waiting = store.create(SUBJECT, POLICY, after(310))
    store.create(SUBJECT, POLICY, after(310))
    looked(store, 320, 1, "live")
    with pytest.raises(LockedOut) as said:
        store.create(SUBJECT, POLICY, after(330))
    assert said.value.until == after(320 + POLICY.lock_out_s)
    with pytest.raises(LockedOut):  # nor do links help that were gathered before
        store.redeem(waiting.id, waiting.token, after(330))
    late_s = 320 + POLICY.lock_out_s
    fresh = store.create(SUBJECT, POLICY, after(late_s))
    store.redeem(fresh.id, fresh.token, after(late_s))


def test_a_token_is_not_used_up_by_a_lock_out(store: ProofStore) -> None:
    new = store.create(SUBJECT, POLICY, T0, link_s=2 * POLICY.lock_out_s)
    for n in range(POLICY.tries):
        failed(store, n)
    with pytest.raises(LockedOut):
        store.redeem(new.id, new.token, after(10))
    assert store.redeem(new.id, new.token, after(POLICY.tries + POLICY.lock_out_s))


def test_who_opens_many_at_once_sees_no_more_scripts(store: ProofStore) -> None:
    going = [redeemed(store) for _ in range(20)]
    for proof in going:
        store.consent(proof, "en.sound", T0)
    assert race(len(going), lambda: store.begin(going.pop(), T0)).count(None) == POLICY.tries


def test_who_comes_every_minute_is_locked_out(store: ProofStore) -> None:
    for n in range(POLICY.tries):
        failed(store, n * 60)
    with pytest.raises(LockedOut):
        store.create(SUBJECT, POLICY, after(POLICY.tries * 60))


def test_slow_failures_lock_nobody_out(store: ProofStore) -> None:
    for n in range(12):
        failed(store, n * 21_601)  # never five within a day
    store.create(SUBJECT, POLICY, after(12 * 21_601))


@settings(max_examples=50)
@given(st.lists(st.integers(0, 60), max_size=12), st.integers(1, 5), st.integers(0, 30))
def test_the_last_of_too_many_is_what_counting_says(ends: list[int], tries: int, window: int) -> None:
    ends = sorted(ends)
    wanted = [last for last in ends if sum(last - window <= other <= last for other in ends) >= tries]
    assert last_of_too_many(ends, tries, window) == max(wanted, default=None)


def test_what_is_not_done_in_time_expires(store: ProofStore) -> None:
    waiting = store.create(SUBJECT, POLICY, T0, link_s=60)
    with pytest.raises(ProofClosed, match="too old"):
        store.redeem(waiting.id, waiting.token, after(60))
    late = running(store)
    over_s = POLICY.answer_s
    assert store.expire(after(59)) == 0
    assert store.expire(after(over_s)) == 1  # the link that nobody used
    key_of_late = redeemed(store, at_s=over_s)
    store.finish(late, "live", REPORT, after(over_s + GRACE_S - 1))
    assert store.expire(after(over_s + GRACE_S)) == 0
    later = running(store)
    assert store.expire(after(over_s + GRACE_S)) == 1
    with pytest.raises(ProofClosed) as said:
        store.finish(later, "live", REPORT, after(over_s + GRACE_S))
    assert said.value.state == "expired"
    assert store.expire(after(1e6)) == 1
    expired = store.proof(key_of_late)
    assert expired is not None
    assert expired.state == "expired"


def test_a_key_ends_with_its_proof(store: ProofStore) -> None:
    new = store.create(SUBJECT, POLICY, T0)
    key = store.redeem(new.id, new.token, T0)
    assert store.expire(after(1000)) == 1
    assert not store.knows(new.id, key)


# --- forgetting -------------------------------------------------------------------------------------------------------


def test_erased_is_all_but_id_and_times(store: ProofStore) -> None:
    proof = failed(store, 0)
    assert store.erase(proof, after(9))
    assert not store.erase(proof, after(10))
    left = store.proof(proof)
    assert left is not None
    assert (left.state, left.created_at, left.ended_at) == ("erased", T0, T0)
    assert (left.verdict, left.policy, left.report, left.needs, left.nonce, left.locale) == (
        None,
        None,
        None,
        (),
        b"",
        "",
    )
    going_on = running(store)
    key_holder = store.create(SUBJECT, POLICY, T0)
    key = store.redeem(key_holder.id, key_holder.token, T0)
    assert set(store.erase_subject(SUBJECT, after(11))) == {going_on, key_holder.id}
    assert store.erase_subject(SUBJECT, after(12)) == []
    assert not store.knows(key_holder.id, key)
    with pytest.raises(ProofClosed) as said:
        store.finish(going_on, "live", REPORT, after(12))
    assert said.value.state == "erased"
    with pytest.raises(UnknownProof):
        store.erase("nobody", T0)


def columns(path: Path, proof: str) -> list[bytes]:
    """What must not be found when it is erased: all that can be told from other rows."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        row = db.execute(
            "SELECT subject_hash, key_hash, nonce, report, needs, own_needs FROM liveguard_proofs WHERE id = ?",
            (proof,),
        ).fetchone()
    return [each if isinstance(each, bytes) else each.encode() for each in row]


def test_nothing_of_it_stays_in_the_file_or_its_log(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"

    def raw() -> bytes:
        return b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir()))

    with contextlib.closing(Database(path)) as database:
        store = ProofStore(database)
        secrets: dict[str, list[bytes]] = {}
        for n in range(24):  # enough for pages to be split, merged and used again
            proof = running(store, f"subject {n}", n)
            needs = [f'["needs-{n}-end"]', f'["own-needs-{n}-end"]']
            with database.transaction() as connection:
                connection.exec_driver_sql(
                    "UPDATE liveguard_proofs SET needs = ?, own_needs = ? WHERE id = ?", (*needs, proof)
                )
            report = b"report-of-%d." % n * (1 + 37 * (n % 5) ** 2)  # within a page, and over several
            store.finish(proof, "not_live", report, after(n))
            secrets[proof] = columns(path, proof)
            if n % 3 == 2:
                store.erase(proof, after(n))
        found = raw()
        proofs = list(secrets)
        assert all(secret in found for secret in secrets[proofs[0]])
        assert b"subject 0" not in found  # never stored in clear
        assert store.erase_subject("subject 0", after(90)) == [proofs[0]]
        for proof in proofs[1::2]:
            store.erase(proof, after(91))
        found = raw()
        gone = [proofs[0], *proofs[1::2], *proofs[2::3]]
        assert [secret[:40] for proof in gone for secret in secrets[proof] if secret[:60] in found] == []
        store.prune(after(86_400 * 40))
        found = raw()
        assert [secret[:40] for each in secrets.values() for secret in each if secret[:60] in found] == []
        assert all(proof.encode() in found for proof in proofs)


def test_that_a_reader_keeps_the_log_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liveguard.server.engines.WAIT_S", 0.05)
    path = tmp_path / "s.sqlite"
    with contextlib.closing(Database(path)) as database, contextlib.closing(sqlite3.connect(path)) as reader:
        store = ProofStore(database)
        proof = failed(store, 0)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM liveguard_proofs").fetchall()
        with pytest.raises(StoreError, match="copies stay in the log"):
            store.erase(proof, T0)
        reader.rollback()
        assert store.erase(proof, T0) is False
        assert REPORT not in (tmp_path / "s.sqlite-wal").read_bytes()


def test_old_ones_are_erased_but_not_before_their_lock_out_is_over(store: ProofStore) -> None:
    brief = ProofPolicy(keep_days=0.0)
    kept, soon = failed(store, 0), running(store, "other", 0, brief)
    store.finish(soon, "not_live", REPORT, T0)
    assert len(store.prune(after(brief.lock_window_s + brief.lock_out_s - 1))) == 0
    assert len(store.prune(after(brief.lock_window_s + brief.lock_out_s))) == 1
    assert len(store.prune(T0 + timedelta(days=POLICY.keep_days, seconds=-1))) == 0
    assert len(store.prune(T0 + timedelta(days=POLICY.keep_days))) == 1
    assert len(store.prune(T0 + timedelta(days=999))) == 0
    left = store.proof(kept)
    assert left is not None
    assert left.state == "erased"


def test_what_counts_for_no_lock_out_is_erased_when_its_policy_says(store: ProofStore) -> None:
    brief = ProofPolicy(keep_days=0.0)
    store.finish(running(store, SUBJECT, 0, brief), "live", REPORT, T0)
    store.finish(running(store, None, 0, brief), "not_live", REPORT, T0)
    store.finish(running(store, SUBJECT, 0, brief), "cannot_judge", REPORT, T0, 1)
    assert len(store.prune(T0)) == 2


def test_tables_beside_those_of_an_older_store_and_of_an_unknown_version(tmp_path: Path) -> None:
    Store(tmp_path / "s.sqlite").close()
    for _ in range(2):
        with contextlib.closing(Store(tmp_path / "s.sqlite")) as opened:
            assert ProofStore(opened.database).untold() == []
            opened.open_session("s", "guest", "webcam", T0)
    with sqlite3.connect(tmp_path / "s.sqlite") as db:
        db.execute("UPDATE liveguard_proof_settings SET value = '9' WHERE name = 'version'")
    with contextlib.closing(Store(tmp_path / "s.sqlite")) as opened, pytest.raises(ConfigError, match="version"):
        ProofStore(opened.database)


def test_proofs_of_an_older_version_are_taken_over(tmp_path: Path) -> None:
    with contextlib.closing(Store(tmp_path / "s.sqlite")) as opened:
        proofs = ProofStore(opened.database)
        proof = running(proofs, SUBJECT, 0)
    with sqlite3.connect(tmp_path / "s.sqlite") as db:
        db.execute("ALTER TABLE liveguard_proofs DROP COLUMN own_needs")
        db.execute("ALTER TABLE liveguard_proofs DROP COLUMN consent_text")
        db.execute("UPDATE liveguard_proof_settings SET value = '1' WHERE name = 'version'")
    for _ in range(2):
        with contextlib.closing(Store(tmp_path / "s.sqlite")) as opened:
            kept = ProofStore(opened.database).proof(proof)
            assert kept is not None
            assert (kept.state, kept.own_needs) == ("running", ())
    with sqlite3.connect(tmp_path / "s.sqlite") as db:
        values = db.execute("SELECT value FROM liveguard_proof_settings WHERE name = 'version'").fetchall()
    assert values == [("3",)]


def test_nothing_is_logged(store: ProofStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    new: NewProof = store.create(SUBJECT, POLICY, T0)
    with pytest.raises(WrongToken):
        store.redeem(new.id, "wrong", T0)
    store.redeem(new.id, new.token, T0)
    assert new.token not in caplog.text
    assert SUBJECT not in caplog.text


def test_the_command_erases(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "s.sqlite")
    with contextlib.closing(Database(path)) as database:
        store = ProofStore(database)
        proof = running(store)
        store.finish(proof, "live", signed(), after(60))
        others = [failed(store, 70), failed(store, 80)]
        waiting = Outbox(tmp_path / OUTBOX_NAME)
        for number, each in enumerate(["of somebody else", proof, *others]):
            waiting.put("hook", idempotency_key(each, FINISHED), b"{}", fingerprint=b"", now_us=number)
        assert main(["erase", proof, "--database", path]) == 0  # while a server has it open
        assert main(["erase", proof, "--database", path]) == 0
        assert main(["erase", "--subject", "nobody", "--database", path]) == 0
        monkeypatch.setattr("sys.stdin", io.StringIO(SUBJECT + "\n"))
        assert main(["erase", "--subject", "-", "--database", path]) == 0
        assert capsys.readouterr().out.splitlines() == [
            f"proof {proof}: erased",
            f"proof {proof}: was erased before",
            "0 proofs of this subject erased",
            "2 proofs of this subject erased",
        ]
        assert waiting.counts("hook")["pending"] == 1, "what waited for the webhook is gone, too"
        waiting.close()
    assert main(["erase", "nobody", "--database", path]) == 2
    assert main(["erase", proof, "--database", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()
    with pytest.raises(SystemExit):
        main(["erase", proof, "--subject", SUBJECT])
