"""WHEP addresses, what is shown of them, and where a login may go; Retry-After; pauses between attempts."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from liveguard.errors import InputError
from liveguard.rtc.whep_client import _asked_s
from liveguard.rtc.whep_url import follow, is_near, parse_endpoint, same_place
from liveguard.taps.source import parse_source
from liveguard.taps.whep import pause_s


@pytest.mark.parametrize(
    ("url", "plain", "name"),
    [
        ("whep+https://sfu.example/room/whep", "https://sfu.example/room/whep", "whep+https://sfu.example/room/whep"),
        ("WHEP+HTTPS://SFU.example:8443/a?k=v", "https://sfu.example:8443/a?k=v", "whep+https://sfu.example:8443/a"),
        ("whep+https://ann:p4ss@sfu.example/a#frag", "https://sfu.example/a", "whep+https://sfu.example/a"),
        (
            "whep+http://127.0.0.1:8889/cam/whep",
            "http://127.0.0.1:8889/cam/whep",
            "whep+http://127.0.0.1:8889/cam/whep",
        ),
        ("whep+http://[::1]:8889/x", "http://[::1]:8889/x", "whep+http://[::1]:8889/x"),
    ],
)
def test_an_address_is_kept_for_the_request_and_shown_without_secrets(url: str, plain: str, name: str) -> None:
    endpoint = parse_endpoint(url)
    assert endpoint.url.geturl() == plain
    assert endpoint.name == name


@pytest.mark.parametrize(
    ("url", "token", "what"),
    [
        ("whep://sfu.example/a", None, r"write whep\+https://host/path"),
        ("whep+ftp://sfu.example/a", None, r"write whep\+https://host/path"),
        ("whep+https:///a", None, r"write whep\+https://host/path"),
        ("whep+https://s3cret@:80/a", None, r"write whep\+https://host/path"),
        ("whep+https://sfu.example:99999/s3cret", None, r"write whep\+https://host/path"),
        ("whep+https://sfu.example:0/s3cret", None, r"write whep\+https://host/path"),
        ("whep+https://[::1/s3cret", None, r"write whep\+https://host/path"),
        ("whep+https://sfu.example/s3cret\r\nX: y", None, "printable ASCII"),
        ("whep+https://sfu.example/s3cret x", None, "printable ASCII"),
        ("whep+https://sfu.example/" + "s3cret" * 1000, None, "at most 4096"),
        ("whep+http://sfu.example/a?s3cret", None, r"use whep\+https://"),
        ("whep+http://8.8.8.8/a", None, r"use whep\+https://"),
        ("whep+https://u:s3cret@sfu.example/a", "s3cret", "either a token or user:password"),
        ("whep+https://u%3a:s3cret@sfu.example/a", None, "the user no colon"),
        ("whep+https://u:s3cret%0d%0a@sfu.example/a", None, "no control characters"),
        ("whep+https://sfu.example/a", "s3cret\r\nX: y", "the token"),
        ("whep+https://sfu.example/a", "s3cret two", "the token"),
    ],
)
def test_what_is_not_allowed_is_said_without_secrets(url: str, token: str | None, what: str) -> None:
    with pytest.raises(InputError, match=what) as raised:
        parse_endpoint(url, token)
    assert "s3cret" not in str(raised.value)


def test_logins() -> None:
    assert parse_endpoint("whep+https://sfu.example/a").authorization is None
    assert parse_endpoint("whep+https://sfu.example/a", "tok:en").authorization == "Bearer tok:en"
    login = parse_endpoint("whep+https://ann:a%40b%20c@sfu.example/a")
    assert login.authorization == "Basic YW5uOmFAYiBj"
    assert "YW5u" not in repr(login)
    assert "k=v" not in repr(parse_endpoint("whep+https://sfu.example/a?k=v"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.9", "192.168.1.5", "10.0.0.1", "100.64.0.1", "::1", "fe80::1", "fd00::1",
                                  "mediamtx", "cam.local", "nas.lan"])  # fmt: skip
def test_near(host: str) -> None:
    assert is_near(host)


@pytest.mark.parametrize(
    "host", ["sfu.example", "8.8.8.8", "2001:4860:4860::8888", "134744072", "0x8080808", "local.example"]
)
def test_far(host: str) -> None:
    assert not is_near(host)


@pytest.mark.parametrize(
    ("base", "location", "to"),
    [
        ("https://a.example/x/whep?k", "/s/1?t", "https://a.example/s/1?t"),
        ("https://a.example/x/whep?k", "s/1", "https://a.example/x/s/1"),
        ("https://a.example/x", "//b.example/s", "https://b.example/s"),
        ("https://a.example/x", "https://u:p@b.example/s#f", "https://b.example/s"),
        ("http://10.0.0.1:80/x", "http://10.0.0.1:81/s", "http://10.0.0.1:81/s"),
        ("http://10.0.0.1/x", "https://b.example/s", "https://b.example/s"),
        ("https://a.example/x", "http://a.example/s", None),
        ("http://10.0.0.1/x", "http://10.0.0.2/s", None),
        ("https://a.example/x", "file:///etc/passwd", None),
        ("https://a.example/x", "https://a.example:0/s", None),
        ("https://a.example/x", "https://[::1/s", None),
        ("https://a.example/x", "/s 1", None),
        ("https://a.example/x", "/s\r\nX: y", None),
        ("https://a.example/x", "/" + "s" * 5000, None),
        ("https://a.example/x", "", None),
        ("https://a.example/x", None, None),
    ],
)
def test_where_an_answer_may_lead(base: str, location: str | None, to: str | None) -> None:
    found = follow(urlsplit(base), location)
    assert (None if found is None else found.geturl()) == to


def test_where_a_login_may_go() -> None:
    home = urlsplit("http://a.lan/x")
    assert same_place(home, urlsplit("http://a.lan:80/y"))
    assert same_place(home, urlsplit("https://a.lan/y"))
    assert not same_place(home, urlsplit("http://a.lan:81/y"))
    assert not same_place(home, urlsplit("https://a.lan:8443/y"))
    assert not same_place(home, urlsplit("https://b.lan/y"))
    assert not same_place(urlsplit("https://a.lan/x"), urlsplit("http://a.lan/x"))


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("999999", 300), ("soon", None), (None, None)])
def test_a_server_may_ask_for_five_minutes_at_most(header: str | None, seconds: float | None) -> None:
    assert _asked_s(header) == seconds


def test_pauses_grow_up_to_half_a_minute() -> None:
    for pauses, longest_s in ((0, 1.0), (1, 2.0), (4, 16.0), (5, 30.0), (10_000, 30.0)):
        several = {pause_s(pauses) for _ in range(20)}
        assert max(several) <= longest_s
        assert min(several) >= 0.75 * longest_s
        assert len(several) > 1


def test_a_recording_is_not_taken_from_there_and_no_password_is_shown() -> None:
    with pytest.raises(InputError, match="only liveguard watch takes it") as raised:
        parse_source("whep+https://ann:s3cret@sfu.example/a?k=s3cret")
    assert "s3cret" not in str(raised.value)
