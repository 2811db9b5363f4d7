"""What every client of a room server needs of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from greenroom.providers.clock import Clock
from greenroom.rooms.embedded.connection import NewPeer
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.rtc.ice_servers import IceServer
from greenroom.settings import RoomSettings


@dataclass(frozen=True, slots=True)
class Services:
    """What clients need of the server; see RoomServer."""

    settings: RoomSettings
    clock: Clock
    new_peer: NewPeer
    ice_servers: Callable[[str], Sequence[IceServer]]
    refresh_token: Callable[[Grants], str] | None
