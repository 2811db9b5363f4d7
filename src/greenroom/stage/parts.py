"""What the stage is made of; the composition root gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from greenroom.avatar.ports import Renderers
from greenroom.providers.clock import Clock
from greenroom.sessions.service import SessionService
from greenroom.settings import AvatarSettings
from greenroom.stage.orders import OrderKeeper
from greenroom.stage.venues import OpenVenue


class Avatars(Protocol):
    """The avatars that there are: `avatar.packs.library.AvatarLibrary`."""

    def ids(self) -> Sequence[str]:
        """The ids, sorted."""
        ...

    def find(self, avatar_id: str) -> Path:
        """The folder of an avatar's pack. Raises InvalidInput (field `avatar_id`)."""
        ...


@dataclass(frozen=True, slots=True)
class StageParts:
    """`venues`: how each kind that is wanted is opened, by its name; `beside`: how those are that
    no session lives for. `clock`: the event loop."""

    sessions: SessionService
    settings: AvatarSettings
    avatars: Avatars
    renderers: Renderers
    venues: Mapping[str, OpenVenue]
    beside: Mapping[str, OpenVenue]
    orders: OrderKeeper
    clock: Clock
