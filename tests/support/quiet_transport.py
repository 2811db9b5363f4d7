"""A transport without a network: it remembers what it was told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from greenroom.rooms.rtc.ports import (
    ChannelLabel,
    Receiver,
    TransportEvents,
    TransportState,
)


@dataclass(frozen=True)
class Remote:
    ufrag: str
    pwd: str
    fingerprints: Sequence[tuple[str, str]]
    dtls_client: bool


class QuietTransport:
    """A `ports.Transport`."""

    def __init__(self) -> None:
        self.events: TransportEvents | None = None
        self.state: TransportState = "new"
        self.ufrag, self.pwd = "server0", "p" * 24
        self.candidates = (
            "candidate:1 1 udp 2130706431 192.0.2.7 7882 typ host",
            "candidate:2 1 udp 2130706175 198.51.100.7 7882 typ host",
        )
        self.fingerprint = "sha-256 " + ":".join(["AB"] * 32)
        self.remotes: list[Remote] = []
        self.restarts = 0
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.channels: list[tuple[ChannelLabel, bool, int | None]] = []
        self.messages: list[tuple[ChannelLabel, bytes]] = []
        self.closed = 0

    def attach(self, events: TransportEvents) -> None:
        self.events = events

    def set_remote(
        self,
        *,
        ufrag: str,
        pwd: str,
        fingerprints: Sequence[tuple[str, str]],
        dtls_client: bool,
    ) -> None:
        if self.remotes and self.remotes[-1].ufrag != ufrag:
            self.restart_ice()
        self.remotes.append(Remote(ufrag, pwd, fingerprints, dtls_client))

    def restart_ice(self) -> None:
        self.restarts += 1
        self.ufrag = f"server{self.restarts}"

    def send_rtp(self, packet: bytes) -> None:
        self.rtp.append(packet)

    def send_rtcp(self, packet: bytes) -> None:
        self.rtcp.append(packet)

    def open_channel(
        self, label: ChannelLabel, *, ordered: bool, max_retransmits: int | None
    ) -> None:
        self.channels.append((label, ordered, max_retransmits))

    def send_message(self, label: ChannelLabel, payload: bytes) -> bool:
        self.messages.append((label, payload))
        return True

    def close(self) -> None:
        self.closed += 1


class RecordedEvents:
    """A `ports.PeerEvents` that keeps what it is told, in order."""

    def __init__(self) -> None:
        self.states: list[TransportState] = []
        self.begun: list[Receiver] = []
        self.ended: list[Receiver] = []
        self.order: list[tuple[str, str]] = []
        self.channels: list[ChannelLabel] = []
        self.messages: list[tuple[ChannelLabel, bytes]] = []

    def on_state(self, state: TransportState) -> None:
        self.states.append(state)

    def on_receiver(self, receiver: Receiver) -> None:
        self.begun.append(receiver)
        self.order.append(("begun", receiver.track_id))

    def on_receiver_ended(self, receiver: Receiver) -> None:
        self.ended.append(receiver)
        self.order.append(("ended", receiver.track_id))

    def on_channel(self, label: ChannelLabel) -> None:
        self.channels.append(label)

    def on_message(self, label: ChannelLabel, payload: bytes) -> None:
        self.messages.append((label, payload))


class StillClock:
    """Time that does not pass: what is to be called later never is."""

    def __init__(self) -> None:
        self.waiting: list[StillTimer] = []

    def time(self) -> float:
        return 1_000.0

    def call_at(self, when: float, callback: Callable[[], object], /) -> StillTimer:
        timer = StillTimer(self)
        self.waiting.append(timer)
        return timer


class StillTimer:
    def __init__(self, clock: StillClock) -> None:
        self._clock = clock

    def cancel(self) -> None:
        if self in self._clock.waiting:
            self._clock.waiting.remove(self)
