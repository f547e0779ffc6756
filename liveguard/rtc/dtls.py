"""DTLS with clients that have an RSA certificate, as GStreamer's webrtcbin makes one unless it is told otherwise.

aiortc 1.16 offers nothing but ECDSA suites, so with its ClientHello such a client ends the handshake ("no shared cipher").
RFC 8827, section 6.5, wants the ECDSA suite understood and forbids no other. Who the client is, its certificate's
fingerprint says, whatever the kind of key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiortc
from aiortc import RTCCertificate, RTCPeerConnection

from liveguard.errors import BackendError

if TYPE_CHECKING:
    from aiortc.rtcdtlstransport import SRTPProtectionProfile
    from OpenSSL import SSL

SUITES = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:"
    b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305"
)
"""aiortc's, then two for RSA: few, as a ClientHello that is split in two is more than some stacks understand."""
_CERTIFICATES = "_RTCPeerConnection__certificates"


class _Certificate(RTCCertificate):
    """Our own, which is ECDSA; where the other side has RSA, it goes by that side's suites."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(SUITES)
        return context


def accept_rsa(connection: RTCPeerConnection) -> None:
    """To be called before any description is set. Raises BackendError where aiortc is not as expected."""
    certificates = getattr(connection, _CERTIFICATES, None)
    if not certificates or not hasattr(RTCCertificate, "_create_ssl_context"):
        raise BackendError(f"aiortc {aiortc.__version__} is not known here (its certificates are missing): use 1.16")
    setattr(connection, _CERTIFICATES, [_Certificate(one._key, one._cert) for one in certificates])
