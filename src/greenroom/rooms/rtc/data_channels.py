"""Data channels (RFC 8831, RFC 8832) by label, over one DTLS connection."""

from __future__ import annotations

import logging
from collections.abc import Callable

from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters

from greenroom.errors import CapacityExceeded
from greenroom.providers.clock import Clock
from greenroom.rooms.rtc.ports import ChannelLabel
from greenroom.rooms.rtc.sctp import Association

_log = logging.getLogger(__name__)

MOST_CHANNELS = 16
_MOST_LABEL_CHARACTERS = 64
# What a message costs besides its bytes until it is acknowledged: a chunk with its counters.
_MESSAGE_OVERHEAD_BYTES = 500


class DataChannels:
    """All data channels of a peer.

    The association begins when the first channel is opened here or the first packet comes.
    `on_channel` and `on_message` are as in TransportEvents. `dropped` counts messages that were
    too big.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        client: bool,
        send: Callable[[bytes], object],
        max_unsent_bytes: int,
        max_message_bytes: int,
        on_channel: Callable[[ChannelLabel], None],
        on_message: Callable[[ChannelLabel, bytes], None],
    ) -> None:
        self._max_unsent_bytes, self._max_message_bytes = max_unsent_bytes, max_message_bytes
        self._on_channel, self._on_message = on_channel, on_message
        self._association = Association(
            clock, client=client, send=send, accepts_channel=self._accepts
        )
        self._association.on("datachannel", self._adopt)
        self._begun = self._closed = False
        self._channels: dict[int, RTCDataChannel] = {}
        self._open: dict[ChannelLabel, RTCDataChannel] = {}
        self.dropped = 0

    def receive(self, packet: bytes) -> None:
        """Take an SCTP packet."""
        self._begin()
        self._association.receive(packet)

    def open(self, label: ChannelLabel, *, ordered: bool, max_retransmits: int | None) -> None:
        """Open a channel; `on_channel` follows when the other side agrees.

        Raises CapacityExceeded where there are 16.
        """
        if self._closed:
            return
        if len(self._channels) >= MOST_CHANNELS:
            raise CapacityExceeded("data channels", MOST_CHANNELS)
        self._begin()
        self._adopt(
            RTCDataChannel(
                self._association,
                RTCDataChannelParameters(
                    label=label, ordered=ordered, maxRetransmits=max_retransmits
                ),
            )
        )

    def send(self, label: ChannelLabel, payload: bytes) -> bool:
        """Send a message; false: no such channel is open, it is too big, or too much is unsent."""
        channel = self._open.get(label)
        if channel is None or len(payload) > self._max_message_bytes:
            return False
        cost = len(payload) + _MESSAGE_OVERHEAD_BYTES
        if self.unsent_bytes + cost > self._max_unsent_bytes:
            return False
        channel.send(payload)
        return True

    @property
    def unsent_bytes(self) -> int:
        """What is queued, and what keeping it costs until it is acknowledged."""
        queued = sum(channel.bufferedAmount for channel in self._channels.values())
        return queued + self._association.held_messages * _MESSAGE_OVERHEAD_BYTES

    def close(self) -> None:
        """End the association; nobody is called any more. Harmless twice."""
        self._closed = True
        self._open.clear()
        self._association.end()
        self._channels.clear()

    def _begin(self) -> None:
        if not self._begun and not self._closed:
            self._begun = True
            self._association.begin()

    def _accepts(self, label: str) -> bool:
        return len(self._channels) < MOST_CHANNELS and len(label) <= _MOST_LABEL_CHARACTERS

    def _adopt(self, channel: RTCDataChannel) -> None:
        self._channels[id(channel)] = channel
        channel.on("open", lambda: self._opened(channel))
        channel.on("close", lambda: self._forget(channel))
        channel.on("message", lambda message: self._receive(channel, message))
        if channel.readyState == "open":
            self._opened(channel)

    def _opened(self, channel: RTCDataChannel) -> None:
        if not self._closed:
            self._open[channel.label] = channel
            self._call(self._on_channel, channel.label)

    def _forget(self, channel: RTCDataChannel) -> None:
        self._channels.pop(id(channel), None)
        if self._open.get(channel.label) is channel:
            del self._open[channel.label]

    def _receive(self, channel: RTCDataChannel, message: bytes | str) -> None:
        if self._closed:
            return
        if channel.readyState == "connecting":
            # RFC 8832, section 6: the acknowledgement is lost or late, and a message says as much.
            channel._setReadyState("open")  # noqa: SLF001
        payload = message.encode() if isinstance(message, str) else message
        if len(payload) > self._max_message_bytes:
            self.dropped += 1
        else:
            self._call(self._on_message, channel.label, payload)

    def _call(self, listener: Callable[..., None], *arguments: object) -> None:
        # What a listener raises is a fault of ours, not of the packet that aiortc is busy with.
        try:
            listener(*arguments)
        except Exception:  # noqa: BLE001 - it is logged with all that is known
            _log.exception("a listener of data channels has failed")
