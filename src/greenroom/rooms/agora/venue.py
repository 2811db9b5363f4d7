"""An Agora channel as a venue: the avatar is one of its broadcasters."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from greenroom.audio.pcm import Pcm
from greenroom.errors import ProviderFailed
from greenroom.helpers.pool import Call
from greenroom.helpers.wire import Frame
from greenroom.rooms.agora.channels import NAME, AgoraChannels
from greenroom.rooms.agora.timeline import Blocks, Timeline
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.turns import Turns
from greenroom.rooms.venue import OnGone, VenuePicture

log = logging.getLogger(__name__)

JOIN_TIMEOUT = 15.0
"""Seconds until the channel must have been joined, the start of the helper process included."""
LEAVE_TIMEOUT = 5.0
"""Seconds that leaving may hold up the end of a session."""
CODECS = ("h264", "vp8", "av1")
_LARGEST_UID = 2**32 - 1


@dataclass(frozen=True, slots=True)
class AgoraAddress:
    """Where an Agora client is to be. `repr` hides the token.

    `uid` is a decimal number (0: Agora chooses one) unless `string_uid`. `token` is the app id
    where the project has no certificate.
    """

    app_id: str
    token: str = field(repr=False)
    channel: str
    uid: str
    string_uid: bool = False


class AgoraVenue:
    """A `rooms.venue.Venue`. Made by `open`; its owner closes it."""

    def __init__(
        self,
        address: AgoraAddress,
        on_gone: OnGone,
        on_token_expiring: Callable[[], None] | None = None,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Not joined yet: see `open`."""
        self._address = address
        self._on_gone = on_gone
        self._on_token_expiring = on_token_expiring
        self._loop = asyncio.get_running_loop()
        self._timeline = Timeline(round((wall() - self._loop.time()) * 1000))
        self._blocks = Blocks()
        self._call: Call | None = None
        self._joined: asyncio.Future[None] = self._loop.create_future()
        self._over = asyncio.Event()
        self._closing = False
        self._keyframe_wanted = True
        self._turns = Turns(self._deliver)

    @classmethod
    async def open(
        cls,
        channels: AgoraChannels,
        address: AgoraAddress,
        picture: VenuePicture,
        *,
        on_gone: OnGone,
        on_token_expiring: Callable[[], None] | None = None,
        timeout: float = JOIN_TIMEOUT,
    ) -> AgoraVenue:
        """Join the channel as a broadcaster of sound and a picture.

        `on_token_expiring` is told on the event loop when `renew` should be called soon. Raises
        ProviderUnavailable where the SDK is not installed, CapacityExceeded, and ProviderFailed,
        whose `why` is for a client, where Agora refuses or doesn't answer within `timeout` seconds.
        """
        _check(address, picture)
        venue = cls(address, on_gone, on_token_expiring)
        try:
            async with asyncio.timeout(timeout):
                await venue._join(channels, picture)
        except TimeoutError:
            raise ProviderFailed(NAME, f"Agora has not let it join for {timeout:g} s") from None
        finally:
            if not venue._is_joined:
                venue._cancel()
        log.info("agora: %s has joined channel %s", address.uid, address.channel)
        return venue

    @property
    def name(self) -> str:
        """As the port says."""
        return NAME

    @property
    def keyframe_wanted(self) -> bool:
        """As the port says."""
        return self._keyframe_wanted and not self._over.is_set()

    def play(self, pcm: Pcm) -> None:
        """As the port says."""
        self._turns.play(pcm)

    def show(self, frame: EncodedFrame) -> None:
        """As the port says."""
        if frame.keyframe:
            self._keyframe_wanted = False
        self._turns.show(frame)

    def flush(self) -> None:
        """As the port says."""
        self._turns.flush()
        self._blocks.drop()
        self._send({"op": "flush"})

    def renew(self, token: str) -> None:
        """Go on with a new token; where Agora refuses it, the old one's end ends the venue."""
        self._send({"op": "renew", "token": token})

    async def close(self) -> None:
        """As the port says; it takes at most LEAVE_TIMEOUT seconds."""
        if self._closing:
            return
        self._closing = True
        try:
            if not self._over.is_set():
                self._send({"op": "leave"})
                async with asyncio.timeout(LEAVE_TIMEOUT):
                    await self._over.wait()
        except TimeoutError:
            log.warning("agora: channel %s is not left yet", self._address.channel)
        finally:
            self._cancel()

    # -- what the helper tells (`helpers.pool.CallListener`) ----------------------------------

    def on_frame(self, frame: Frame) -> None:
        """An answer of the helper."""
        header = frame.header
        channel = self._address.channel
        if header.get("end"):
            if header.get("dropped"):
                log.warning("agora: %d pictures never got to %s", header["dropped"], channel)
            self._end(str(header.get("error", "")) or "the channel was left")
        elif header.get("joined"):
            if not self._joined.done():
                self._joined.set_result(None)
        elif header["event"] == "token_expiring":
            log.info("agora: the token for channel %s expires soon", channel)
            if self._on_token_expiring is not None:
                self._on_token_expiring()
        elif header["event"] == "renewal_refused":
            log.warning("agora: the new token for channel %s was refused", channel)
        else:
            if header["event"] != "keyframe":
                log.info("agora: channel %s: %s", channel, header["event"])
            # After a reconnection too: pictures were lost.
            self._keyframe_wanted = True

    def on_failure(self, error: ProviderFailed) -> None:
        """The helper is gone."""
        self._end(error.why)

    # ------------------------------------------------------------------------------------------

    async def _join(self, channels: AgoraChannels, picture: VenuePicture) -> None:
        address = self._address
        self._call = await channels.begin(address.app_id, self, string_uid=address.string_uid)
        self._send(
            {
                "op": "join",
                "app_id": address.app_id,
                "string_uid": address.string_uid,
                "token": address.token,
                "channel": address.channel,
                "uid": address.uid,
                "codec": picture.codec.name,
                "width": picture.width,
                "height": picture.height,
                "rate": picture.rate,
            }
        )
        await self._joined

    def _send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        if self._call is not None and not self._over.is_set():
            self._call.send(header, payload)

    @property
    def _is_joined(self) -> bool:
        joined = self._joined
        return joined.done() and not joined.cancelled() and joined.exception() is None

    def _end(self, why: str) -> None:
        self._over.set()
        self._turns.close()
        if not self._joined.done():
            self._joined.set_exception(ProviderFailed(NAME, why))
        elif not self._closing:
            log.warning("agora: channel %s is lost: %s", self._address.channel, why)
            self._on_gone(why)

    def _cancel(self) -> None:
        """No more is heard of the helper, which leaves the channel if it is still in it."""
        self._over.set()
        self._turns.close()
        if self._call is not None:
            self._call.cancel()

    def _deliver(self, sound: Pcm, pictures: Sequence[EncodedFrame]) -> None:
        """Send what is heard and seen at the same time."""
        now = self._loop.time()
        stamps = [self._timeline.picture(frame.time, now) for frame in pictures]
        pcm, pts = self._blocks.cut(sound, stamps[0] if stamps else self._timeline.turn(now))
        if len(pcm):
            self._send({"op": "play", "pts": pts}, pcm.tobytes())
        for frame, stamp in zip(pictures, stamps, strict=True):
            self._send({"op": "show", "pts": stamp, "keyframe": frame.keyframe}, frame.data)


def _check(address: AgoraAddress, picture: VenuePicture) -> None:
    """Raises ProviderFailed for what no channel takes."""
    if picture.codec.name not in CODECS:
        raise ProviderFailed(
            NAME, f"takes {', '.join(CODECS)}, not {picture.codec.name}", retryable=False
        )
    if address.string_uid:
        return
    if not (address.uid.isascii() and address.uid.isdigit() and int(address.uid) <= _LARGEST_UID):
        raise ProviderFailed(
            NAME,
            f"the uid must be a number from 0 to {_LARGEST_UID}, or string uids must be enabled",
            retryable=False,
        )
