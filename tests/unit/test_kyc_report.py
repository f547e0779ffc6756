"""A report verifies as it was signed, and in no other way."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from liveguard.challenge.script import draw
from liveguard.cli import main
from liveguard.errors import ConfigError
from liveguard.kyc import entries, keys
from liveguard.kyc.canonical import canonical, parse
from liveguard.kyc.decision import Decision, StepResult, decide
from liveguard.kyc.entries import Entry
from liveguard.kyc.errors import ReportError
from liveguard.kyc.html import page
from liveguard.kyc.report import DOMAIN, build, needs_of, sign, verify
from liveguard.utc import iso
from tests.proof_parts import KEY, NONCE, POLICY, T0, after, session, signed

PUBLIC = KEY.public_key()
REPORT = signed()


def test_what_was_signed_is_what_is_read() -> None:
    found = verify(REPORT, PUBLIC)
    assert (found.id, found.verdict, found.nats, found.pinned) == ("3f9a0b", "live", -7.375, True)
    assert [entry["kind"] for entry in found.entries][:4] == ["opened", "consent", "script", "step"]
    assert found.entries[0]["at"] == "2026-03-01T12:00:00.250Z"
    assert found.reasons == tuple(
        f"{what}: as asked" for what in ("turning the head", "moving on the beat", "coming nearer")
    )
    assert verify(json.loads(REPORT), keys.fingerprint(PUBLIC)).report_hash == found.report_hash
    assert sign(build("3f9a0b", session()), KEY) == REPORT  # nothing of it is drawn


def test_without_a_key_it_is_said_whose_it_is_and_that_nobody_vouched_for_it() -> None:
    found = verify(REPORT)
    assert not found.pinned
    assert keys.grouped(keys.fingerprint(PUBLIC)) in found.whose
    assert "nobody has vouched for" in found.whose
    other = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(ReportError, match="another key"):
        verify(REPORT, other)


def test_any_changed_byte_is_found() -> None:
    small = sign(
        build("a", [entries.opened(T0, POLICY, (), "en", {}), entries.decision(T0, decide(POLICY, [], {}), {})]), KEY
    )
    verify(small, PUBLIC)
    for at in range(len(small)):
        for bit in (0x01, 0x20):
            changed = bytearray(small)
            changed[at] ^= bit
            with pytest.raises(ReportError):
                verify(bytes(changed), PUBLIC)


@pytest.mark.parametrize("extra", [b"\n", b" ", b"{}", b"\x00", b"\xef\xbb\xbf"])
def test_nothing_may_be_added_around_it(extra: bytes) -> None:
    for changed in (REPORT + extra, extra + REPORT):
        with pytest.raises(ReportError):
            verify(changed)


@settings(max_examples=50)
@given(cut=st.integers(0, len(REPORT) - 1))
def test_a_part_is_no_report(cut: int) -> None:
    with pytest.raises(ReportError):
        verify(REPORT[:cut])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"algorithm":"Ed25519",', b'"algorithm":"Ed25519","algorithm":"Ed25519",', "twice"),
        (b'"live_nats":4,', b'"live_nats":4.0,', "not spelled"),
        (b'"live_nats":4,', b'"live_nats":4e0,', "not spelled"),
        (b'"live_nats":4,', b'"live_nats":NaN,', "finite"),
        (b'"live_nats":4,', b'"live_nats":1e999,', "finite"),
        (b'"live_nats":4,', b'"live_nats":' + b"9" * 5000 + b",", "reasonable|2\\^53"),
        (b'"seq":0', b'"seq":-0', "not spelled"),
        (b'"en"', b'"\\u0065n"', "not spelled"),
        (b'"en"', b'"\\ud800"', "surrogate"),
        (b",", b", ", "not spelled"),
        (b'"needs":[]', b'"needs":' + b"[" * 100_000 + b"]" * 100_000, "reasonable|levels"),
    ],
)
def test_there_is_one_spelling(old: bytes, new: bytes, why: str) -> None:
    assert old in REPORT
    with pytest.raises(ReportError, match=why):
        verify(REPORT.replace(old, new, 1), PUBLIC)


def moved(report: dict[str, Any]) -> None:
    report["entries"][3:5] = reversed(report["entries"][3:5])


def taken_out(report: dict[str, Any]) -> None:
    del report["entries"][3]


def doubled(report: dict[str, Any]) -> None:
    report["entries"].insert(3, report["entries"][3])


def changed(report: dict[str, Any]) -> None:
    report["entries"][3]["body"]["nats"] = -6


def renumbered(report: dict[str, Any]) -> None:
    taken_out(report)
    for number, entry in enumerate(report["entries"]):
        entry["seq"] = number


def unknown(report: dict[str, Any]) -> None:
    report["note"] = "x"


def unknown_inside(report: dict[str, Any]) -> None:
    report["entries"][0]["note"] = "x"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (moved, "entry 3: it says that it is number 4"),
        (taken_out, "entry 3: it says that it is number 4"),
        (doubled, "entry 4: it says that it is number 3"),
        (changed, r"entry 3 \(step\): it was changed"),
        (renumbered, "entry 3: it does not follow"),
        (unknown, "not known"),
        (unknown_inside, "entry 0: it has a field that is not known"),
    ],
)
def test_it_is_said_what_was_changed_and_where(change: Callable[[dict[str, Any]], None], why: str) -> None:
    report = json.loads(REPORT)
    change(report)
    with pytest.raises(ReportError, match=why):
        verify(canonical(report), PUBLIC)


def forged(told: list[Entry]) -> bytes:
    """Signed in spite of all, as somebody with the key, or another program, might."""
    chained: list[dict[str, Any]] = []
    for seq, entry in enumerate(told):
        prev = chained[-1]["hash"] if chained else "0" * 64
        link = {"seq": seq, "at": iso(entry.at), "kind": entry.kind, "body": entry.body, "prev": prev}
        chained.append({**link, "hash": hashlib.sha256(canonical(link)).hexdigest()})
    header = {
        "format": "liveguard.proof.1",
        "id": "x",
        "algorithm": "Ed25519",
        "public_key": keys.raw_public(PUBLIC).hex(),
    }
    head = canonical({**header, "head": chained[-1]["hash"]})
    return canonical({**header, "entries": chained, "signature": KEY.sign(DOMAIN + head).hex()})


def test_a_signed_script_must_have_been_drawn() -> None:
    assert verify(forged(session()), PUBLIC).verdict == "live"
    told = session()
    told[2] = entries.script(told[2].at, bytes(16), [])
    with pytest.raises(ReportError, match="the steps are not those of the script"):
        verify(forged(told))
    told = session()
    body = copy.deepcopy(dict(told[2].body))
    body["nonce"] = bytes(16).hex()
    told[2] = Entry("script", told[2].at, body)
    with pytest.raises(ReportError, match=r"entry 2 \(script\): these steps were not drawn from its nonce"):
        verify(forged(told))
    told = session()
    told[0] = entries.opened(T0, POLICY, ["no_juggling"], "en", {})
    with pytest.raises(ReportError, match="cannot be drawn again"):
        verify(forged(told))


def test_a_report_tells_whose_word_left_something_out() -> None:
    steps = draw(NONCE, POLICY, ["no_speech", "no_hands"])
    told = [
        entries.opened(T0, POLICY, ["no_speech"], "en", {}),
        entries.consent(T0, "I agree", ["no_hands"]),
        entries.script(T0, NONCE, steps),
        entries.decision(T0, Decision("cannot_judge", 0.0, ()), {}),
    ]
    found = verify(sign(build("a", told), KEY))
    assert needs_of(found.entries) == (["no_speech"], ["no_hands"])
    told[1] = entries.consent(T0, "I agree", ["no_speech", "no_blinks"])  # not what the script was drawn for
    with pytest.raises(ReportError, match="not drawn from its nonce"):
        sign(build("a", told), KEY)
    told[1] = Entry("consent", T0, {"text": "I agree", "needs": "no_hands"})
    with pytest.raises(ReportError, match=r"entry 1 \(consent\): needs is not of the kind"):
        build("a", told)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda told: told[:-1], "end with the decision"),
        (lambda told: told[1:], "begin with the opening"),
        (lambda told: [*told[:2], *told[1:]], "consent comes more than once"),
        (lambda told: [told[0], told[2], told[1], *told[3:]], "wrong order"),
        (lambda told: [told[0], *told[2:]], "person agreed"),
        (lambda told: [*told[:5], *told[6:]], "every step was done"),
        (
            lambda told: [*told[:3], Entry("step", told[3].at, {"kind": "pose"}), *told[4:]],
            r"entry 3 \(step\): cue_us is missing",
        ),
        (lambda told: [Entry("opened", T0, {**told[0].body, "who": "x"}), *told[1:]], "entry 0 .* not known"),
        (lambda told: [Entry("opened", T0, {**told[0].body, "locale": 1}), *told[1:]], "entry 0 .* locale is not"),
        (lambda told: [*told[:3], Entry("step", after(1), told[3].body), *told[4:]], "older than the one before"),
        (lambda told: told[:0], "begin with the opening"),
    ],
)
def test_a_signed_report_must_tell_a_session(change: Callable[[list[Entry]], list[Entry]], why: str) -> None:
    told = change(session())
    with pytest.raises(ReportError, match=why):
        verify(forged(told) if told else canonical({**json.loads(REPORT), "entries": []}))


def test_what_cannot_be_written_is_left_out_or_refused() -> None:
    odd = StepResult("pose", math.nan, "a\nb\x1b", {"x_ms": math.inf, "ü": 1.0, "y_ms": 1e300})
    body = entries.step(T0, odd, None).body
    assert body["measures"] == {"x_ms": None, "?": 1.0, "y_ms": None}
    assert (body["nats"], body["why"]) == (None, "a b ")
    assert len(entries.figures({f"m{n}": 1.0 for n in range(1000)})) == 64
    for value in (math.nan, 2**60, {"ü": 1}, {1: 2}, {"a": object()}, {"a": "\ud800"}):
        with pytest.raises(ReportError):
            canonical(value)
    with pytest.raises(ValueError, match="zone"):
        iso(datetime(2026, 1, 1))
    late = [*session()[:-1], entries.decision(T0, Decision("cannot_judge", 0.0, ()), {})]  # the clock was set back
    assert build("x", late)["entries"][-1]["at"] == iso(after(30))


@given(st.floats(-(2**53), 2**53))
def test_numbers_have_the_spelling_of_every_language(value: float) -> None:
    spelled = canonical(value).decode()
    assert "e" not in spelled.lower()
    assert canonical(json.loads(spelled)).decode() == spelled
    assert abs(json.loads(spelled) - value) <= max(0.5e-6, abs(value) * 1e-15) * 1.01


def test_numbers_by_example() -> None:
    values = (0.1 + 0.2, 1e-6, 4e-7, -0.0, 5.0, 1e15, 123456.7890126, True, None, 'é\n"')
    assert [canonical(value).decode() for value in values] == [
        "0.3", "0.000001", "0", "0", "5", "1000000000000000", "123456.789013", "true", "null", '"é\\n\\""',
    ]  # fmt: skip
    with pytest.raises(ReportError, match="an object"):
        parse(b"[]")


# --- keys -------------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / keys.KEY_NAME
    made = keys.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == [keys.KEY_NAME]
    assert keys.fingerprint(keys.load_or_create(path).public_key()) == keys.fingerprint(made.public_key())


def test_a_key_that_will_not_do_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    keys.load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others on this machine can read it"):
        keys.load_or_create(path)
    private, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    wrong = ec.generate_private_key(ec.SECP256R1()).private_bytes(private, pkcs8, serialization.NoEncryption())
    locked = KEY.private_bytes(private, pkcs8, serialization.BestAvailableEncryption(b"x"))
    for pem, why in (
        (b"", "in PEM"),
        (b"-----BEGIN PRIVATE KEY-----", "in PEM"),
        (wrong, "Ed25519"),
        (locked, "password"),
    ):
        path.write_bytes(pem)
        path.chmod(0o600)
        with pytest.raises(ConfigError, match=why):
            keys.load_or_create(path)
    with pytest.raises(ConfigError, match="directory"):
        keys.load_or_create(tmp_path)


def test_a_pin_is_a_fingerprint_or_a_file(tmp_path: Path) -> None:
    print_ = keys.fingerprint(PUBLIC)
    (tmp_path / "public.pem").write_bytes(keys.public_pem(KEY))
    keys.load_or_create(tmp_path / "private.pem")
    assert keys.read_pin(keys.grouped(print_).upper()) == keys.read_pin(str(tmp_path / "public.pem")) == print_
    assert keys.read_pin(str(tmp_path / "private.pem")) != print_
    for text in ("", "abc", print_[:-1], str(tmp_path), "a\0b"):
        with pytest.raises(ConfigError, match="key"):
            keys.read_pin(text)
    (tmp_path / "public.pem").write_bytes(REPORT)
    with pytest.raises(ConfigError, match="PEM"):
        keys.read_pin(str(tmp_path / "public.pem"))


# --- for people -------------------------------------------------------------------------------------------------------


def test_the_page_says_it_all_and_escapes_what_came_in() -> None:
    text = page(verify(signed((-2.75, None, -1.0)), PUBLIC))
    assert "Cannot judge" in text
    assert "too dark to tell" in text
    assert "Integrated Camera &lt;b&gt;" in text
    assert "not checked" not in text
    assert keys.grouped(keys.fingerprint(PUBLIC)) in text
    for bad in ("<script", "<img", "http:", "https:", "Camera <b>", "NaN"):
        assert bad not in text
    assert "Whose key has signed it was not checked" in page(verify(REPORT))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out, public = tmp_path / "report.json", tmp_path / "report.html", tmp_path / "public.pem"
    file.write_bytes(REPORT)
    public.write_bytes(keys.public_pem(KEY))
    assert main(["verify", str(file), "--key", str(public), "--html", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("LIVE  -7.4 nats  proof 3f9a0b\n")
    assert "\nVERIFIED  8 entries, signed with the expected key" in said
    assert "<h1>Live</h1>" in out.read_text()
    assert main(["verify", str(file)]) == 0
    assert "UNCHANGED, BUT BY WHOM?" in capsys.readouterr().out
    assert main(["verify", str(file), "--key", "0" * 64]) == 1
    assert capsys.readouterr().err.startswith("NOT VERIFIED  report: signed with another key")
    file.write_bytes(REPORT + b"\n")
    assert main(["verify", str(file)]) == 1
    assert main(["verify", str(tmp_path / "none.json")]) == 2
    assert main(["verify", str(file), "--key", "nothing"]) == 2
