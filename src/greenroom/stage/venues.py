"""The venues of one session: opened together, closed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from greenroom.errors import GreenroomError, ProviderFailed
from greenroom.rooms.venue import OnGone, Venue, VenuePicture
from greenroom.sessions.model import Session
from greenroom.stage.ports import AvatarOrder

OPEN_TIMEOUT = 20.0
CLOSE_TIMEOUT = 5.0
"""Seconds for one venue."""

_log = logging.getLogger(__name__)


class OpenVenue(Protocol):
    """How a kind of venue is opened."""

    async def __call__(
        self, session: Session, order: AvatarOrder, picture: VenuePicture, on_gone: OnGone
    ) -> Venue:
        """Be there, for this session. Raises a GreenroomError; leaves nothing behind then, nor
        when it is cancelled. `on_gone` is told if the venue ends by itself."""
        ...


@dataclass(slots=True)
class _Place:
    """One venue, from before it is open."""

    name: str
    venue: Venue | None = None
    gone: str | None = None


class Venues:
    """Opens venues and closes them. `on_gone` is told which one has ended by itself, and why."""

    def __init__(
        self, openers: Mapping[str, OpenVenue], on_gone: Callable[[Venue, str], None]
    ) -> None:
        self._openers = openers
        self._on_gone = on_gone
        self._places: list[_Place] = []

    @property
    def open_ones(self) -> list[Venue]:
        """Those that are open and have not ended."""
        return [p.venue for p in self._places if p.venue is not None and p.gone is None]

    async def open(self, session: Session, order: AvatarOrder, picture: VenuePicture) -> None:
        """Open all, at once. Where some can't be had the others serve.

        Raises ProviderFailed where none can be had. What is open is closed by `close`, also when
        this was cancelled.
        """
        self._places = [_Place(name) for name in self._openers]
        async with asyncio.TaskGroup() as opening:
            for place in self._places:
                opening.create_task(self._open(place, session, order, picture))
        if not self.open_ones:
            why = "; ".join(f"{place.name}: {place.gone}" for place in self._places)
            raise ProviderFailed("venues", why)

    async def close(self) -> None:
        """Leave all. Bounded in time; what fails is logged."""
        await asyncio.gather(*(self._close(place) for place in self._places))

    async def _open(
        self, place: _Place, session: Session, order: AvatarOrder, picture: VenuePicture
    ) -> None:
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                place.venue = await self._openers[place.name](
                    session, order, picture, lambda why: self._end(place, why)
                )
        except TimeoutError:
            place.gone = "took too long"
        except GreenroomError as error:
            place.gone = error.why if isinstance(error, ProviderFailed) else str(error)
        except Exception:  # noqa: BLE001 - the other venues can serve
            _log.exception("session %s: venue %s has failed", session.id, place.name)
            place.gone = "internal error"
        if place.gone is not None:
            _log.warning("session %s has no %s: %s", session.id, place.name, place.gone)

    def _end(self, place: _Place, why: str) -> None:
        if place.gone is None:
            place.gone = why
            if place.venue is not None:
                self._on_gone(place.venue, why)

    async def _close(self, place: _Place) -> None:
        venue, place.venue = place.venue, None
        if venue is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await venue.close()
        except Exception as error:  # noqa: BLE001 - the others have to be closed too
            _log.warning("venue %s was not closed in order: %r", place.name, error)
