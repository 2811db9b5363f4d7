"""SRTP and SRTCP (RFC 3711, RFC 7714) with the keys of a DTLS handshake."""

from __future__ import annotations

from typing import Final

import pylibsrtp
from pylibsrtp import Policy, Session

# Late packets up to this many behind are taken: video at 10 Mbit/s for a second.
_REPLAY_WINDOW = 1024
# Of one participant: 16 tracks in three layers with retransmissions, and as many again that ended.
_MOST_SOURCES = 256

_PROFILES: Final = {
    "SRTP_AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    "SRTP_AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
}


class SrtpSessions:
    """Both directions of one peer. Nothing here raises: what can't be done is counted in `failed`.

    `material` is what the handshake exported: both keys, then both salts, the client's first (RFC
    5764, section 4.2). `client`: this side was the DTLS client.
    """

    __slots__ = ("_rx", "_sources", "_tx", "failed")

    def __init__(self, profile: str, material: bytes, *, client: bool) -> None:
        number, key, salt = _PROFILES[profile]
        of_client = material[:key] + material[2 * key : 2 * key + salt]
        of_server = material[key : 2 * key] + material[2 * key + salt :]
        mine, theirs = (of_client, of_server) if client else (of_server, of_client)
        self._tx = Session(_policy(mine, number, Policy.SSRC_ANY_OUTBOUND))
        self._rx = Session(_policy(theirs, number, Policy.SSRC_ANY_INBOUND))
        self._sources: dict[bytes, float] = {}
        self.failed = 0
        """Packets that were forged, replayed, too old, too long or of too many sources."""

    def protect(self, packet: bytes) -> bytes | None:
        """Encrypt RTP; None where it can't be (longer than 1356 bytes, a number that was used)."""
        try:
            return self._tx.protect(packet)
        except (pylibsrtp.Error, ValueError):
            self.failed += 1
            return None

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """Encrypt RTCP; None where it can't be."""
        try:
            return self._tx.protect_rtcp(packet)
        except (pylibsrtp.Error, ValueError):
            self.failed += 1
            return None

    def unprotect(self, packet: bytes, now: float) -> bytes | None:
        """Check and decrypt RTP; None: drop it."""
        source = packet[8:12]
        try:
            plain = self._rx.unprotect(packet)
        except (pylibsrtp.Error, ValueError):
            self.failed += 1
            return None
        self._sources[source] = now
        if len(self._sources) > _MOST_SOURCES:
            self._forget_oldest()
        return plain

    def unprotect_rtcp(self, packet: bytes, now: float) -> bytes | None:
        """Check and decrypt RTCP; None: drop it."""
        source = packet[4:8]
        try:
            plain = self._rx.unprotect_rtcp(packet)
        except (pylibsrtp.Error, ValueError):
            self.failed += 1
            return None
        self._sources[source] = now
        if len(self._sources) > _MOST_SOURCES:
            self._forget_oldest()
        return plain

    def _forget_oldest(self) -> None:
        # libsrtp keeps state for each SSRC it has ever seen; the peer makes up as many as it likes.
        source = min(self._sources, key=self._sources.__getitem__)
        del self._sources[source]
        self._rx.remove_stream(int.from_bytes(source, "big"))


def _policy(key: bytes, profile: int, direction: int) -> Policy:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=profile)
    policy.window_size = _REPLAY_WINDOW
    # The answer to a NACK may be the very packet again (RFC 4588 is not always agreed on).
    policy.allow_repeat_tx = True
    return policy
