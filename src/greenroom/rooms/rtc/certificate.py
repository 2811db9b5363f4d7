"""The certificate that this process shows in every DTLS handshake, and fingerprints of others'."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

# The strongest first: RFC 8122, section 5, has the verifier choose among the hashes that it knows.
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha-512": hashes.SHA512,
    "sha-384": hashes.SHA384,
    "sha-256": hashes.SHA256,
}
_LIFETIME = timedelta(days=365)
# OpenSSL, as the server, takes the first of its own profiles that the client has too.
_SRTP_PROFILES = b"SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-SHA"
)
_DTLS_1_2 = 0xFEFD


class Certificate:
    """A self-signed ECDSA certificate on P-256 with its key, and the DTLS context of both."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._certificate = certificate
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_max_proto_version(_DTLS_1_2)
        # The MTU is set, not asked of a socket: there is none.
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
        # Any certificate passes here: its fingerprint is what counts, and it is checked afterwards.
        context.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_arguments: True
        )
        context.use_certificate(certificate)
        context.use_privatekey(key)
        context.set_cipher_list(_CIPHERS)
        context.set_tlsext_use_srtp(_SRTP_PROFILES)
        self._context = context

    @classmethod
    def generate(cls) -> Certificate:
        """A new key and certificate, good for a year; takes some milliseconds."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(16))])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + _LIFETIME)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    @property
    def fingerprint(self) -> str:
        """As in SDP's `a=fingerprint:` (RFC 8122): `sha-256 AB:CD:...`."""
        return f"sha-256 {digest(self._certificate, 'sha-256')}"

    @property
    def context(self) -> SSL.Context:
        """DTLS 1.2 with this certificate, for both roles and any number of connections."""
        return self._context


def digest(certificate: x509.Certificate, algorithm: str) -> str:
    """The fingerprint by `sha-256`, `sha-384` or `sha-512`: hex pairs with colons, upper case."""
    return certificate.fingerprint(_HASHES[algorithm]()).hex(":").upper()


def is_described(certificate: x509.Certificate, fingerprints: Sequence[tuple[str, str]]) -> bool:
    """Whether one of `(algorithm, value)` is this certificate's fingerprint (RFC 8122, section 5).

    Only fingerprints of the strongest hash that is known here count: one of them must fit.
    """
    given = [(algorithm.lower(), value.strip().upper()) for algorithm, value in fingerprints]
    for algorithm in _HASHES:
        values = [value for name, value in given if name == algorithm]
        if values:
            mine = digest(certificate, algorithm).encode()
            return any(
                hmac.compare_digest(mine, value.encode("ascii", "replace")) for value in values
            )
    return False
