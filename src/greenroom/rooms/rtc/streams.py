"""The RTP streams of one peer connection: both directions, and the RTCP that goes with them."""

from __future__ import annotations

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.rtc.bandwidth import BandwidthLimit
from greenroom.rooms.rtc.demultiplexer import Demultiplexer
from greenroom.rooms.rtc.link import Link, SendPacket
from greenroom.rooms.rtc.media import Codec
from greenroom.rooms.rtc.ports import StreamParameters
from greenroom.rooms.rtc.receiver import RtpReceiver
from greenroom.rooms.rtc.reports import build_reports, collect_blocks
from greenroom.rooms.rtc.rtcp import (
    BitrateLimit,
    Bye,
    FullIntraRequest,
    Nack,
    PictureLoss,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    build_bitrate_limit,
    build_bye,
    parse_rtcp,
)
from greenroom.rooms.rtc.rtp import parse_rtp
from greenroom.rooms.rtc.sender import RtpSender

_REPORT_INTERVAL = 1.0
_FIRST_REPORT = 0.2
_MAX_CLOCK_ERROR = 0.5
"""Seconds of the way that a sender report may take; more: the other side's clock was set."""
_MAX_LIMITED = 32


class Streams:
    """Finds whose packet it is, and reports to the other side.

    `send_rtp` and `send_rtcp` take what is to be encrypted and sent; they must not raise. `dropped`
    counts what was neither, or nobody's.
    """

    def __init__(self, send_rtp: SendPacket, send_rtcp: SendPacket, clock: Clock) -> None:
        self.dropped = 0
        self._clock = clock
        self._link = Link(send_rtp, send_rtcp, clock, self._wake, self._start_reports)
        self._demultiplexer = Demultiplexer()
        self._known = self._demultiplexer.streams
        self._senders: dict[int, RtpSender] = {}
        self._timer: Timer | None = None
        self._timer_at = float("inf")
        self._report_at = float("inf")
        self._limit = BandwidthLimit()
        self._available: float | None = None
        self._closed = False

    @property
    def round_trip(self) -> float | None:
        """Seconds to the other side and back, smoothed; None until it was measured."""
        return self._link.round_trip

    @property
    def available_bitrate(self) -> float | None:
        """What the other side says it can receive, in bits a second; None where it doesn't say."""
        return self._available

    def add_receiver(self, parameters: StreamParameters, track_id: str) -> RtpReceiver:
        """A media section that the other side sends on."""
        receiver = RtpReceiver(self._link, parameters, track_id)
        self._demultiplexer.add(receiver)
        return receiver

    def update_receiver(self, receiver: RtpReceiver, parameters: StreamParameters) -> None:
        """The section was negotiated again; what is known of its streams is kept."""
        receiver.configure(parameters)
        self._demultiplexer.describe(receiver)

    def remove_receiver(self, receiver: RtpReceiver) -> None:
        """The other side no longer sends it. Harmless twice."""
        self._demultiplexer.remove(receiver)
        receiver.close()

    def add_sender(self, codec: Codec, *, stream_id: str, track_id: str) -> RtpSender:
        """A track to send, once `negotiate` has told it how."""
        sender = RtpSender(self._link, codec, stream_id=stream_id, track_id=track_id)
        self._senders[sender.ssrc] = sender
        return sender

    def remove_sender(self, sender: RtpSender) -> None:
        """Send it no more; says BYE where anything was sent. Harmless twice."""
        sender.close()
        if self._senders.pop(sender.ssrc, None) is not None and sender.packets:
            ssrcs = (sender.ssrc, sender.rtx_ssrc) if sender.resent else (sender.ssrc,)
            self._link.send_rtcp(build_bye(ssrcs))

    def on_rtp(self, packet: bytes, arrival: float) -> None:
        """Take a decrypted RTP packet; what is no such is dropped and counted."""
        parsed = parse_rtp(packet)
        if parsed is None or self._closed:
            self.dropped += 1
            return
        stream = self._known.get(parsed.ssrc)
        if stream is None:
            stream = self._demultiplexer.find(parsed, arrival)
            if stream is None:
                self.dropped += 1
                return
        stream.receiver.on_packet(stream, parsed, arrival)
        if self._link.idle:
            self._start_reports(arrival)

    def on_rtcp(self, packet: bytes) -> None:
        """Take a decrypted compound RTCP packet; what is no such is dropped and counted."""
        parsed = parse_rtcp(packet)
        if parsed is None or self._closed:
            self.dropped += 1
            return
        now = self._clock.time()
        for item in parsed:
            self._on_item(item, now)

    def _on_item(self, item: RtcpPacket, now: float) -> None:
        match item:
            case SenderReport():
                self._on_sender_report(item, now)
                self._on_blocks(item.blocks, now)
            case ReceiverReport():
                self._on_blocks(item.blocks, now)
            case BitrateLimit():
                self._available = float(item.bitrate)
            case Bye():
                self._on_bye(item)
            case _:
                self._on_feedback(item, now)

    def _on_feedback(self, item: Nack | PictureLoss | FullIntraRequest, now: float) -> None:
        sender = self._senders.get(item.media)
        if sender is None:
            return
        match item:
            case Nack():
                sender.on_nack(item.sequences, now)
            case FullIntraRequest():
                sender.on_keyframe_wanted(item.number)
            case PictureLoss():
                sender.on_keyframe_wanted()

    def _on_blocks(self, blocks: tuple[ReportBlock, ...], now: float) -> None:
        for block in blocks:
            sender = self._senders.get(block.ssrc)
            if sender is not None:
                sender.on_report(block, now)

    def _on_sender_report(self, report: SenderReport, now: float) -> None:
        stream = self._known.get(report.ssrc)
        if stream is None:
            return
        stream.on_sender_report(report.ntp, report.timestamp, now)
        # The report that was quickest on its way tells best how the clocks differ.
        link, difference = self._link, now - report.ntp / 0x1_0000_0000
        known = link.remote_clock
        if known is None or difference < known or difference > known + _MAX_CLOCK_ERROR:
            link.remote_clock = difference

    def _on_bye(self, bye: Bye) -> None:
        for ssrc in bye.ssrcs:
            stream = self._known.get(ssrc)
            if stream is not None and stream.layer.stream is stream:
                stream.layer.arrival = float("-inf")

    def _start_reports(self, now: float) -> None:
        if not self._closed:
            self._link.idle = False
            self._report_at = now + _FIRST_REPORT
            self._wake(self._report_at)

    def _wake(self, when: float) -> None:
        if when >= self._timer_at or self._closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._clock.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        now = self._clock.time()
        due = float("inf")
        for receiver in self._demultiplexer.receivers:
            due = min(due, receiver.run(now))
        if now >= self._report_at:
            self._report(now)
        self._wake(min(due, self._report_at))

    def _report(self, now: float) -> None:
        """Report what happened since the last time; nothing did: no more until something does."""
        sent = [it for sender in self._senders.values() if (it := sender.report(now)) is not None]
        blocks = collect_blocks(self._known.values(), now)
        self._report_at = now + _REPORT_INTERVAL
        if not sent and not blocks:
            self._link.idle = True
            self._report_at = float("inf")
            return
        packets = build_reports(self._link, sent, blocks)
        limit = self._measure(now, blocks)
        if limit:
            packets[-1] += limit
        for packet in packets:
            self._link.send_rtcp(packet)

    def _measure(self, now: float, blocks: list[ReportBlock]) -> bytes:
        """Measure what comes; REMB, where the other side wants it, else nothing."""
        limited: list[int] = []
        received = 0.0
        for receiver in self._demultiplexer.receivers:
            for layer in receiver.layers:
                layer.measure(now)
                received += layer.rate
                if receiver.limits_bitrate and layer.stream is not None:
                    limited.append(layer.stream.ssrc)
        if not limited:
            return b""
        lost = [block.fraction_lost / 256 for block in blocks if block.ssrc in limited]
        if lost:
            self._limit.update(received, max(lost))
        return build_bitrate_limit(
            self._link.ssrc, int(self._limit.bitrate), limited[:_MAX_LIMITED]
        )

    def close(self) -> None:
        """End the timer and let go of sources and sinks. Harmless twice."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for sender in self._senders.values():
            sender.close()
        self._senders.clear()
        for receiver in tuple(self._demultiplexer.receivers):
            self.remove_receiver(receiver)
