"""One avatar session on this node, from its beginning to its end."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from greenroom.avatar.formats import FORMATS, VideoCodec
from greenroom.avatar.ports import FaceSettings, RemoteFace
from greenroom.errors import InvalidInput, ProviderFailed
from greenroom.rooms.rtc.media import AV1, H264, VP8, Codec
from greenroom.rooms.venue import VENUE_RATE, Venue, VenuePicture
from greenroom.sessions.life import Ended, SessionLife
from greenroom.sessions.model import (
    EndReason,
    Entry,
    LifecycleEntry,
    MetricEntry,
    Session,
    Status,
)
from greenroom.stage.connection import Connection
from greenroom.stage.parts import StageParts
from greenroom.stage.performance import Performance
from greenroom.stage.ports import AvatarClient, AvatarOrder
from greenroom.stage.sound_line import Spoken
from greenroom.stage.venues import Venues

CODECS: dict[VideoCodec, Codec] = {"H264": H264, "VP8": VP8, "AV1": AV1}
MAX_NOTED = 1_000
"""Utterances that are written into a session's journal; the figures at its end count all."""

_log = logging.getLogger(__name__)


class LiveSession:
    """Opens a started session's face and venues, lets it perform, and winds everything up.

    `on_gone` is called once the session is recorded and let go of. It has no connection at first:
    `connect` gives it one.
    """

    def __init__(
        self,
        parts: StageParts,
        session: Session,
        order: AvatarOrder,
        pack: Path,
        on_gone: Callable[[LiveSession], None],
    ) -> None:
        self.id = session.id
        self.opened = asyncio.Event()
        """Set when it performs, or when it is clear that it never will."""
        self._life = SessionLife(parts.sessions, session.id, parts.clock, what="stage")
        self.gone = self._life.gone
        """Set when everything is recorded and freed."""
        self._parts = parts
        self._session = session
        self._order = order
        self._pack = pack
        self._on_gone = on_gone
        self._picture = FORMATS[order.quality]
        self._performance = Performance(
            self._picture,
            parts.clock,
            max_ahead=parts.settings.max_ahead,
            on_failed=self._on_failed,
            on_spoken=self._on_spoken,
            on_silent=self._on_silent,
        )
        self._face: RemoteFace | None = None
        self._venues = Venues(
            parts.venues,
            parts.beside,
            on_gone=self._on_venue_gone,
            on_token_expiring=self._on_token_expiring,
        )
        self._connection: Connection | None = None
        self._token = order.channel.token
        self._active_at = parts.clock.time()
        self._silent = asyncio.Event()
        self._noted = 0
        self._begun = False
        self._was_connected = False
        self._task = asyncio.create_task(
            self._life.live(self._perform, self._wind_up), name=f"avatar-{self.id}"
        )

    # What the stage does.

    def connect(self, client: AvatarClient) -> Connection:
        """Give it into the hands of a client; the one before is told. To be called once opened.

        Raises SessionEnded, or what has kept it from opening.
        """
        if self._life.failure is not None:
            raise self._life.failure
        self._life.require_live()
        if self._was_connected:
            self._note(LifecycleEntry(None, "reconnected"))
        self._was_connected = True
        before = self._connection
        self._connection = Connection(client, self._at_work, self._leave, self._renew)
        self._life.cancel("grace")
        self._active_at = self._parts.clock.time()
        if before is not None:
            before.client.on_replaced()
        return self._connection

    @property
    def ending(self) -> bool:
        """Whether it is being wound up, or is gone."""
        return self._life.ending

    def end(self, ended: Ended) -> None:
        """Wind it up. The first call counts."""
        self._life.end(ended)

    async def spoken_out(self) -> None:
        """Return when nothing waits to be said."""
        while self._performance.busy:
            self._silent.clear()
            await self._silent.wait()

    # What its connection does.

    def _at_work(self, connection: Connection) -> Performance | None:
        if connection is not self._connection or self._life.ending:
            return None
        self._active_at = self._parts.clock.time()
        return self._performance

    def _leave(self, connection: Connection) -> None:
        if connection is self._connection:
            self._connection = None
            self._await_connection()

    def _renew(self, token: str) -> None:
        if token != self._token:
            self._token = token
            self._venues.renew(token)

    def _await_connection(self) -> None:
        lost = Ended(Status.COMPLETED, EndReason.DISCONNECTED, "nobody came back")
        self._life.after("grace", self._parts.settings.reconnect_grace, lambda: self.end(lost))

    # What happens to it.

    def _on_failed(self, why: str) -> None:
        _log.error("session %s: its avatar has failed: %s", self.id, why)
        if not self._begun:
            self._life.failure = ProviderFailed("avatar", why)
        self.end(Ended(Status.FAILED, EndReason.AGENT_FAILED, f"the avatar has failed: {why}"))

    def _on_venue_gone(self, venue: Venue, why: str) -> None:
        _log.warning("session %s: its %s has ended: %s", self.id, venue.name, why)
        self._performance.remove(venue)
        if not self._venues.wanted_ones and self._begun:
            detail = f"{venue.name} has ended: {why}"
            self.end(Ended(Status.FAILED, EndReason.AGENT_FAILED, detail))

    def _on_token_expiring(self) -> None:
        if self._connection is not None:
            self._connection.client.on_token_expiring()

    def _on_spoken(self, spoken: Spoken, media_time: float) -> None:
        if self._noted < MAX_NOTED:
            self._noted += 1
            values = {
                "ended_ms": round(media_time * 1000),
                "played_ms": round(spoken.samples * 1000 / VENUE_RATE),
                "cut": spoken.cut,
            }
            self._note(MetricEntry(None, "utterance", values))

    def _on_silent(self) -> None:
        self._active_at = self._parts.clock.time()
        self._silent.set()

    def _on_idle(self) -> None:
        """Checked only when it may be due: activity costs no timer."""
        timeout = self._order.idle_timeout
        passed = self._parts.clock.time() - self._active_at
        if self._performance.busy:
            self._life.after("idle", timeout, self._on_idle)
        elif passed < timeout:
            self._life.after("idle", timeout - passed, self._on_idle)
        else:
            self.end(Ended(Status.STOPPED, EndReason.IDLE_TIMEOUT, f"idle for {timeout:g} s"))

    # Its life.

    async def _perform(self) -> None:
        """Return when it is to end. Raises what keeps it from opening."""
        await self._life.unless_ending(self._open())
        if not self._life.ending:
            self.opened.set()
        await self._life.wait_ending()

    async def _open(self) -> None:
        picture = VenuePicture(
            CODECS[self._order.codec],
            self._picture.width,
            self._picture.height,
            self._picture.rate,
        )
        try:
            async with asyncio.TaskGroup() as opening:
                opening.create_task(self._open_face())
                opening.create_task(self._venues.open(self._session, self._order, picture))
        except ExceptionGroup as failures:
            # Either will do: they are told to a client, who can't mend both at once.
            raise failures.exceptions[0] from None
        assert self._face is not None  # noqa: S101 - `_open_face` has set it
        if not self._venues.wanted_ones:
            raise ProviderFailed("venues", "all have ended")
        self._begun = True
        self._performance.begin(self._face, self._venues.open_ones)
        self._begin_timers()

    async def _open_face(self) -> None:
        digest = hashlib.sha256(self.id.encode()).digest()
        settings = FaceSettings(
            str(self._pack), self._picture, self._order.codec, int.from_bytes(digest[:4])
        )
        try:
            self._face = await self._parts.renderers.open(settings, self._performance)
        except InvalidInput as error:
            # The pack was good when the server began, and is not its client's.
            raise ProviderFailed("avatar", f"the pack can't be used: {error}") from error

    def _begin_timers(self) -> None:
        settings = self._parts.settings
        started = self._session.started_at or datetime.now(UTC)
        lasted = (datetime.now(UTC) - started).total_seconds()
        longest = Ended(
            Status.STOPPED, EndReason.MAX_DURATION, f"at most {settings.max_duration:g} s"
        )
        self._life.after("longest", settings.max_duration - lasted, lambda: self.end(longest))
        if self._order.idle_timeout > 0:
            self._active_at = self._parts.clock.time()
            self._life.after("idle", self._order.idle_timeout, self._on_idle)
        if self._connection is None:
            self._await_connection()

    # Its end.

    async def _wind_up(self, ended: Ended | None) -> None:
        self._performance.close()
        self._silent.set()
        final = ended
        try:
            if self._face is not None:
                self._face.close()
            await self._venues.close()
            self._note(MetricEntry(None, "performance", self._performance.figures.as_values()))
            final = Ended.of(await self._life.record(ended), ended)
        finally:
            self._life.let_go()
            self._on_gone(self)
            self.opened.set()
            self._tell(final)

    def _tell(self, final: Ended | None) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if final is None:
            connection.client.on_replaced()
        else:
            connection.client.on_ended(final)

    def _note(self, entry: Entry) -> None:
        self._parts.sessions.append(self.id, entry)
