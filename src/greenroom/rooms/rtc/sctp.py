"""aiortc's SCTP association (RFC 9260), driven by plain calls and an injected clock.

Its methods are coroutines that never wait for anything but the datagrams that they send, and
sending does not wait here. So each is run to its end where it is called: no task and no queue per
packet, and nothing left over at the end. What is used of aiortc's private parts is in
tests/rooms/rtc/test_pinned_libraries.py, and its version is pinned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, cast

from aiortc import rtcsctptransport as sctp
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.rtc.sctp_guard import count_chunks
from greenroom.rooms.rtc.token_bucket import TokenBucket

_log = logging.getLogger(__name__)

_PORT = 5000
_DCEP, _OPEN = 50, b"\x03"  # RFC 8832, sections 8.1 and 8.2.1
# aiortc takes 50 to 100 microseconds a chunk, and goes through all that it holds for each: a chunk
# costs one, and one more for every 64 that are held. At most a fifth of a core for a participant.
_CHUNKS_PER_SECOND, _CHUNKS_AT_ONCE = 2_000, 2_000
_HELD_FOR_ONE_MORE = 64
# RFC 9260, section 16, has 1 s for both and aiortc 3 s at first; browsers have a shorter least time
# too, twice their delay of an acknowledgement: who waits for a caption notices a second.
_FIRST_RETRY_SECONDS, _LEAST_RETRY_SECONDS = 1.0, 0.4
_MOST_STREAMS = 256
_MOST_HELD_CHUNKS = 4_096
# aiortc announces a window of 1 MiB; who sends twice as much does not heed it.
_LEAST_WINDOW_BYTES = -1_048_576
_MOST_QUEUED_MESSAGES = 16_384


class _Dtls:
    """What aiortc's SCTP wants of a DTLS transport."""

    state = "connected"

    def __init__(self, send: Callable[[bytes], object], *, client: bool) -> None:
        self._send = send
        self._role = "client" if client else "server"

    def _register_data_receiver(self, receiver: object) -> None:
        """Nothing: packets are handed to the association by its owner."""

    def _unregister_data_receiver(self, receiver: object) -> None:
        """Nothing, likewise."""

    async def _send_data(self, data: bytes) -> None:
        self._send(data)


class _Timers:
    """What aiortc's SCTP wants of an event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopped = False

    def stop(self) -> None:
        """No timer from now on: aiortc starts some after the end of an association, too."""
        self._stopped = True

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back in `delay` seconds."""
        return self._clock.call_at(
            self._clock.time() + delay, (lambda: None) if self._stopped else callback
        )


class Association(RTCSctpTransport):
    """One SCTP association. Nothing that comes in raises: `dropped` counts what was refused.

    `accepts_channel(label)` is asked whether the other side may open a data channel; whoever wants
    to know of channels listens to aiortc's event `datachannel`.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        client: bool,
        send: Callable[[bytes], object],
        accepts_channel: Callable[[str], bool],
    ) -> None:
        super().__init__(cast("RTCDtlsTransport", _Dtls(send, client=client)), _PORT)
        self.dropped = 0
        self._clock, self._accepts_channel = clock, accepts_channel
        self._timers = _Timers(clock)
        self._loop = cast("asyncio.AbstractEventLoop", self._timers)
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._done.set_result(None)
        self._chunks = TokenBucket(_CHUNKS_PER_SECOND, _CHUNKS_AT_ONCE)
        self._rto = _FIRST_RETRY_SECONDS
        self._held = 0  # chunks and numbers of some that wait for others
        self._stopped = False

    def begin(self) -> None:
        """Send the first message; both sides do (RFC 8841, section 9.3)."""
        # A message's size is bounded by the owner, in both directions.
        self._run(self.start(RTCSctpCapabilities(maxMessageSize=0), _PORT))

    def receive(self, packet: bytes) -> None:
        """Take a packet."""
        if self._stopped:
            return
        chunks = count_chunks(
            packet,
            last_received=self._last_received_tsn,
            last_sent=(self._local_tsn - 1) % 2**32,
        )
        cost = chunks * (1 + (self._held + len(self._sent_queue)) // _HELD_FOR_ONE_MORE)
        if not chunks or not self._chunks.take(self._clock.time(), cost):
            self.dropped += 1
            return
        try:
            self._run(self._handle_data(packet))
        except Exception as problem:  # noqa: BLE001 - aiortc asserts what the other side should do
            self.dropped += 1
            _log.debug("SCTP packet refused: %r", problem)
        self._held = len(self._sack_misordered) + sum(
            len(stream.reassembly) for stream in self._inbound_streams.values()
        )
        if not self._stopped and self._holds_too_much():
            _log.warning("a data channel peer keeps to no bounds: its association ends")
            self.end()

    def end(self) -> None:
        """Abort the association, and everything that it has started. Harmless twice."""
        if self._stopped:
            return
        self._stopped = True
        self._run(self.stop())
        self._timers.stop()

    @property
    def held_messages(self) -> int:
        """How many messages, or parts of some, are kept until they are acknowledged."""
        return len(self._data_channel_queue) + len(self._outbound_queue) + len(self._sent_queue)

    def _holds_too_much(self) -> bool:
        return (
            self._advertised_rwnd < _LEAST_WINDOW_BYTES
            or len(self._inbound_streams) > _MOST_STREAMS
            or len(self._data_channel_queue) > _MOST_QUEUED_MESSAGES
            or self._held > _MOST_HELD_CHUNKS
        )

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Future[None]:
        """Run to the end; the answer can be awaited and is done."""
        try:
            coroutine.send(None)
        except StopIteration:
            return self._done
        coroutine.close()
        raise RuntimeError("SCTP waits for something: this aiortc is not the one that is pinned")

    def _update_rto(self, R: float) -> None:  # noqa: N803 - aiortc's name
        super()._update_rto(R)
        if self._srtt is not None and self._rttvar is not None:
            self._rto = min(
                max(self._srtt + 4 * self._rttvar, _LEAST_RETRY_SECONDS), sctp.SCTP_RTO_MAX
            )

    async def _data_channel_receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        opens = pp_id == _DCEP and data[:1] == _OPEN
        if not opens or self._accepts_open(stream_id, data):
            await super()._data_channel_receive(stream_id, pp_id, data)
        else:
            self.dropped += 1

    def _accepts_open(self, stream_id: int, data: bytes) -> bool:
        length = int.from_bytes(data[8:10], "big")  # RFC 8832, section 5.1
        label = data[12 : 12 + length].decode("utf-8", "replace")
        return stream_id not in self._data_channels and self._accepts_channel(label)

    # aiortc hands these to asyncio.ensure_future, which takes a future for what it is.

    def _data_channel_flush(self) -> asyncio.Future[None]:  # type: ignore[override]
        return self._run(super()._data_channel_flush())

    def _send_chunk(self, chunk: Any) -> asyncio.Future[None]:  # type: ignore[override]
        return self._run(super()._send_chunk(chunk))

    def _send_reconfig_param(self, param: Any) -> asyncio.Future[None]:  # type: ignore[override]
        return self._run(super()._send_reconfig_param(param))

    def _transmit(self) -> asyncio.Future[None]:  # type: ignore[override]
        return self._run(super()._transmit())

    def _transmit_reconfig(self) -> asyncio.Future[None]:  # type: ignore[override]
        return self._run(super()._transmit_reconfig())
