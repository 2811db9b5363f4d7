"""Two ends of data channels of this code, without a network."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from aiortc import rtcsctptransport as sctp

from greenroom.rooms.rtc.data_channels import DataChannels
from greenroom.testing.clock import ManualClock


class Side:
    def __init__(self, clock: ManualClock, *, client: bool, unsent: int, message: int) -> None:
        self.outbox: deque[bytes] = deque()
        self.opened: list[str] = []
        self.received: list[tuple[str, bytes]] = []
        self.on_message: Callable[[str, bytes], None] = lambda label, payload: self.received.append(
            (label, payload)
        )
        self.data = DataChannels(
            clock,
            client=client,
            send=self.outbox.append,
            max_unsent_bytes=unsent,
            max_message_bytes=message,
            on_channel=self.opened.append,
            on_message=lambda *message: self.on_message(*message),  # noqa: PLW0108 - tests replace it
        )

    @property
    def association(self) -> sctp.RTCSctpTransport:
        return self.data._association


class Pair:
    def __init__(self, *, unsent: int = 1_000_000, message: int = 65_536) -> None:
        self.clock = ManualClock()
        self.client = Side(self.clock, client=True, unsent=unsent, message=message)
        self.server = Side(self.clock, client=False, unsent=unsent, message=message)

    def exchange(self, *, lose: Callable[[bytes], bool] = lambda _: False) -> None:
        while self.client.outbox or self.server.outbox:
            for side, other in ((self.client, self.server), (self.server, self.client)):
                while side.outbox:
                    packet = side.outbox.popleft()
                    if not lose(packet):
                        other.data.receive(packet)

    def open(self, label: str = "_reliable", *, ordered: bool = True) -> Pair:
        self.client.data.open(label, ordered=ordered, max_retransmits=None if ordered else 0)
        self.exchange()
        return self

    def close(self) -> None:
        self.client.data.close()
        self.server.data.close()
