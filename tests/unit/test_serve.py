"""What `serve` refuses before it says where it is, and how it is told to end."""

from __future__ import annotations

import queue
import signal
import socket
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from liveguard.cli import main
from liveguard.commands.serve import check_certificate, ended_by_sigterm, listen
from liveguard.errors import ConfigError
from liveguard.hosts import origin_of


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """One that signs itself, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert_file, key_file


def test_a_certificate_and_its_key_are_taken(tmp_path: Path) -> None:
    check_certificate(*certificate(tmp_path, "ours"))


@pytest.mark.parametrize(
    ("cert", "key", "says"),
    [
        ("ours.pem", "other.key", "both in PEM (key values mismatch)"),
        ("ours.pem", "junk", "both in PEM"),
        ("junk", "ours.key", "both in PEM"),
        ("ours.pem", "none", "none: there is no such file"),
    ],
)
def test_what_tls_cannot_use_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cert: str, key: str, says: str
) -> None:
    certificate(tmp_path, "ours")
    certificate(tmp_path, "other")
    (tmp_path / "junk").write_text("this is no PEM\n")
    tls = ["--tls-cert", str(tmp_path / cert), "--tls-key", str(tmp_path / key)]
    assert main(["serve", "--port", "0", "--database", "sqlite://", *tls]) == 2
    said = capsys.readouterr()
    assert said.out == "", "no address"
    assert said.err.startswith("liveguard: ")
    assert said.err.endswith(f"{says}\n")
    assert said.err.count("\n") == 1


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_every_address_is_that_of_ipv4_too() -> None:
    with listen("::", 0) as listening:
        assert listening.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 0


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_what_is_no_name_of_a_host_is_one_line(capsys: pytest.CaptureFixture[str], host: str) -> None:
    assert main(["serve", "--host", host, "--port", "0", "--database", "sqlite://", "--checks", "camera"]) == 2
    assert f"cannot listen on {host} port 0: it is no name of a host" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://example.org", "https://example.org"),
        ("HTTPS://Example.org:443/", "https://example.org"),
        ("http://example.org:443", "http://example.org:443"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
    ],
)
def test_an_origin_is_taken_however_it_is_written(given: str, origin: str) -> None:
    assert origin_of(given) == origin


@pytest.mark.parametrize(
    "given",
    ["", "*", "null", "example.org", "https://", "https://example.org/app", "https://example.org?x", "https://u@h",
     "https://h:port", "https://[h", "https://exämple.org", "https://h\n"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="scheme://host"):
        origin_of(given)


def test_sigterm_ends_as_ctrl_c_does() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ended_by_sigterm():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("sink", "says"),
    [
        (
            'kind = "webhook"\nurl = "https://hooks.example/in"\nsecrets = "short"\noutbox = "OUTBOX"',
            "webhook secret: ",
        ),
        ('kind = "jsonl"\ntarget = "nowhere/events.jsonl"', "events.jsonl: No such file"),
    ],
)
def test_a_sink_that_is_set_wrongly_stops_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: str, says: str
) -> None:
    config = tmp_path / "guard.toml"
    config.write_text(f"[[sinks]]\n{sink}\n".replace("OUTBOX", str(tmp_path / "outbox.sqlite")))
    options = ["--port", "0", "--database", "sqlite://", "--checks", "camera", "--config", str(config)]
    assert main(["serve", *options]) == 2
    said = capsys.readouterr()
    assert said.out == "", "no address"
    assert said.err.startswith(f"liveguard: {says}")


def test_a_browser_that_does_not_return_does_not_keep_the_server_from_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    served, opened = threading.Event(), queue.Queue[tuple[str, bool]]()
    monkeypatch.setattr("webbrowser.open", lambda page: opened.put((page, served.wait(20.0))))
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: served.set())
    assert main(["serve", "--open", "--port", "0", "--database", "sqlite://", "--checks", "camera"]) == 0
    page, while_served = opened.get(timeout=20.0)
    assert page.startswith("http://127.0.0.1:")
    assert while_served
