"""A DTLS handshake with a client that has an RSA certificate, in memory."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiortc import RTCCertificate, RTCPeerConnection
from aiortc.rtcdtlstransport import SRTP_PROFILES, generate_certificate
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from liveguard.errors import BackendError
from liveguard.rtc.dtls import accept_rsa


def ours() -> RTCCertificate:
    async def made() -> RTCCertificate:
        connection: Any = RTCPeerConnection()
        accept_rsa(connection)
        (certificate,) = connection._RTCPeerConnection__certificates
        await connection.close()
        assert isinstance(certificate, RTCCertificate)
        return certificate

    return asyncio.run(made())


def theirs(key: Any) -> SSL.Context:
    """A context as OpenSSL makes it, with suites of all kinds."""
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.use_certificate(generate_certificate(key))
    context.use_privatekey(key)
    context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
    return context


def shake_hands(client: SSL.Context, server: SSL.Context) -> tuple[SSL.Connection, SSL.Connection]:
    """Both sides, connected. Raises SSL.Error where they do not agree."""
    sides = SSL.Connection(client), SSL.Connection(server)
    sides[0].set_connect_state()
    sides[1].set_accept_state()
    for side in sides:
        side.set_ciphertext_mtu(1200)
    done = [False, False]
    for _ in range(10):
        for k, (side, other) in enumerate((sides, sides[::-1])):
            try:
                side.do_handshake()
                done[k] = True
            except SSL.WantReadError:
                pass
            try:
                while True:
                    other.bio_write(side.bio_read(1500))
            except SSL.WantReadError:
                pass
        if all(done):
            return sides
    raise AssertionError("the handshake does not end")


KEYS = {"rsa": lambda: rsa.generate_private_key(65537, 2048), "ec": lambda: ec.generate_private_key(ec.SECP256R1())}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("we_begin", [True, False])
def test_clients_with_certificates_of_both_kinds_are_understood(kind: str, we_begin: bool) -> None:
    mine, other = ours()._create_ssl_context(SRTP_PROFILES), theirs(KEYS[kind]())
    sides = shake_hands(mine, other) if we_begin else shake_hands(other, mine)
    me = sides[0 if we_begin else 1]
    assert me.get_selected_srtp_profile() == b"SRTP_AES128_CM_SHA1_80"
    wanted = "ECDHE-RSA" if kind == "rsa" and we_begin else "ECDHE-ECDSA"  # it goes by the server's certificate
    assert (me.get_cipher_name() or "").startswith(wanted)


def test_an_unknown_aiortc_is_refused() -> None:
    class Other:
        """Keeps its certificates elsewhere."""

    with pytest.raises(BackendError, match=r"use 1\.16"):
        accept_rsa(Other())  # type: ignore[arg-type]
