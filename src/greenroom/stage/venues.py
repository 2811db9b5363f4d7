"""The venues of one session: opened together, closed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from greenroom.errors import GreenroomError, ProviderFailed
from greenroom.rooms.venue import OnGone, TokenVenue, Venue, VenuePicture
from greenroom.sessions.model import Session
from greenroom.stage.ports import AvatarOrder

OPEN_TIMEOUT = 20.0
CLOSE_TIMEOUT = 5.0
"""Seconds for one venue."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opening:
    """A session that is to be seen somewhere.

    `on_gone` is told if the venue ends by itself, `on_token_expiring` when it needs a new token.
    """

    session: Session
    order: AvatarOrder
    picture: VenuePicture
    on_gone: OnGone
    on_token_expiring: Callable[[], None]


class OpenVenue(Protocol):
    """How a kind of venue is opened."""

    async def __call__(self, opening: Opening) -> Venue | None:
        """Be there, for this session; None: this session is not to be there.

        Raises a GreenroomError; leaves nothing behind then, nor when it is cancelled.
        """
        ...


@dataclass(slots=True)
class _Place:
    """One venue, from before it is open."""

    name: str
    open: OpenVenue
    beside: bool
    venue: Venue | None = None
    gone: str | None = None


class Venues:
    """Opens venues and closes them. `on_gone` is told which one has ended by itself, and why.

    A session is for the `wanted` ones; those `beside` them are no reason for it to live.
    """

    def __init__(
        self,
        wanted: Mapping[str, OpenVenue],
        beside: Mapping[str, OpenVenue],
        *,
        on_gone: Callable[[Venue, str], None],
        on_token_expiring: Callable[[], None],
    ) -> None:
        self._on_gone = on_gone
        self._on_token_expiring = on_token_expiring
        self._places = [
            *(_Place(name, opener, beside=False) for name, opener in wanted.items()),
            *(_Place(name, opener, beside=True) for name, opener in beside.items()),
        ]

    @property
    def open_ones(self) -> list[Venue]:
        """Those that are open and have not ended."""
        return [p.venue for p in self._places if p.venue is not None and p.gone is None]

    @property
    def wanted_ones(self) -> int:
        """How many of the wanted ones are open and have not ended."""
        return sum(p.venue is not None and p.gone is None for p in self._places if not p.beside)

    async def open(self, session: Session, order: AvatarOrder, picture: VenuePicture) -> None:
        """Open all, at once. Where some can't be had the others serve.

        Raises ProviderFailed where none of the wanted ones can be had. What is open is closed by
        `close`, also when this was cancelled.
        """
        async with asyncio.TaskGroup() as opening:
            for place in self._places:
                opening.create_task(self._open(place, session, order, picture))
        if not self.wanted_ones:
            failed = [p for p in self._places if not p.beside]
            raise ProviderFailed("venues", "; ".join(f"{p.name}: {p.gone}" for p in failed))

    def renew(self, token: str) -> None:
        """Hand a new token to the venues that live by one."""
        for venue in self.open_ones:
            if isinstance(venue, TokenVenue):
                venue.renew(token)

    async def close(self) -> None:
        """Leave all. Bounded in time; what fails is logged."""
        await asyncio.gather(*(self._close(place) for place in self._places))

    async def _open(
        self, place: _Place, session: Session, order: AvatarOrder, picture: VenuePicture
    ) -> None:
        try:
            async with asyncio.timeout(OPEN_TIMEOUT):
                place.venue = await place.open(
                    Opening(
                        session,
                        order,
                        picture,
                        lambda why: self._end(place, why),
                        self._on_token_expiring,
                    )
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
