"""The STUN and TURN servers that clients are told of (RFC 7064, RFC 7065)."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass

from greenroom.settings import RoomSettings

_VALID_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class IceServer:
    """As in LiveKit's JoinResponse and in the browser's RTCIceServer."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""


def ice_servers(rooms: RoomSettings, identity: str, now: float) -> list[IceServer]:
    """What a client of `identity` may use; `now` in seconds since 1970.

    With `turn_secret` the TURN credentials are time-limited, in the way that TURN servers share a
    secret with web services: the user name is `<expiry>:<identity>` and the password the base64 of
    its HMAC-SHA1 by the secret (draft-uberti-behave-turn-rest-00, section 2.2).
    """
    servers = []
    if rooms.stun_servers:
        servers.append(IceServer(tuple(_url("stun", server) for server in rooms.stun_servers)))
    if rooms.turn_servers:
        username = rooms.turn_username
        credential = rooms.turn_password.get_secret_value() if rooms.turn_password else ""
        if rooms.turn_secret is not None:
            username = f"{int(now) + _VALID_SECONDS}:{identity}"
            secret = rooms.turn_secret.get_secret_value().encode()
            credential = base64.b64encode(hmac.digest(secret, username.encode(), "sha1")).decode()
        urls = tuple(_url("turn", server) for server in rooms.turn_servers)
        servers.append(IceServer(urls, username, credential))
    return servers


def _url(scheme: str, server: str) -> str:
    return server if server.startswith((f"{scheme}:", f"{scheme}s:")) else f"{scheme}:{server}"
