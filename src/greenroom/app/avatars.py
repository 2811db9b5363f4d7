"""The avatar APIs: renderers, the stage, the venues, wired."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.applications import Starlette

from greenroom.app.rooms import own_address
from greenroom.sessions.node import Place
from greenroom.settings import Settings
from greenroom.stage.ports import AvatarSessions


@dataclass(frozen=True, slots=True)
class AvatarService:
    """The application of the avatar port, the sessions behind it, and what was chosen, in words."""

    sessions: AvatarSessions
    app: Starlette
    chosen: tuple[tuple[str, str], ...]


def place_of(settings: Settings, port: int) -> Place:
    """Where clients of this server's avatar APIs connect, with the labels it goes by."""
    avatar = settings.avatar
    if "avatar" not in settings.server.apis:
        return Place()
    address = avatar.public_url.rstrip("/") or own_address(settings, port)
    return Place(address, avatar.cluster, avatar.pod)
