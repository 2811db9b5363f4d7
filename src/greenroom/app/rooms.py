"""Where rooms are: served here, or by a LiveKit server, as the settings say."""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Literal

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from greenroom.app.credentials import Credentials
from greenroom.errors import ConfigurationError
from greenroom.rooms.ports import Rooms
from greenroom.rooms.rtc.ice_servers import IceServer
from greenroom.rooms.whep.viewer import NewPeer
from greenroom.settings import Settings

Provider = Literal["embedded", "livekit", "off"]


@dataclass(frozen=True, slots=True)
class RoomsService:
    """`rooms` is where agents join, None without rooms. `routes` and `app` serve clients here."""

    provider: Provider
    rooms: Rooms | None = None
    routes: tuple[BaseRoute, ...] = ()
    app: Starlette | None = None
    """For the signalling's own port."""
    new_peer: NewPeer | None = None
    """Makes peer connections on this server's media ports; None where it has none."""
    ice_servers: Callable[[str], Sequence[IceServer]] = lambda _: ()
    """The STUN and TURN servers that somebody of an identity may use."""


def rooms_provider(settings: Settings) -> Provider:
    """Who serves rooms. Raises ConfigurationError."""
    provider = settings.rooms.provider
    if provider == "auto":
        return "livekit" if settings.livekit_url else "embedded"
    if provider == "livekit" and not settings.livekit_url:
        raise ConfigurationError("livekit_url", "rooms.provider is livekit: say where it is")
    return provider


async def open_rooms(
    settings: Settings, credentials: Credentials, stack: AsyncExitStack, port: int
) -> RoomsService:
    """Make rooms ready, to be ended with `stack`. `port` is where this server's signalling listens.

    Raises ConfigurationError.
    """
    provider = rooms_provider(settings)
    if provider == "off":
        return RoomsService("off")
    # What WebRTC needs takes some 200 ms to import: only where it is used, off the event loop.
    opener = await asyncio.to_thread(importlib.import_module, f"greenroom.app.{provider}_rooms")
    opened: RoomsService = await opener.open_rooms(settings, credentials, stack, port)
    return opened


def client_url(settings: Settings, port: int) -> str:
    """What clients connect to: the setting, else this server's own address."""
    return settings.rooms.public_url or own_address(settings, port)


def own_address(settings: Settings, port: int) -> str:
    """The `ws://` address of a port of this server, as its clients reach it."""
    host = settings.server.host
    if _is_wildcard(host):
        host = settings.rooms.public_address or "127.0.0.1"
    return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
