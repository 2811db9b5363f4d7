"""A track from one side to the other, over networks that lose, double and disorder packets."""

from __future__ import annotations

import pytest
from aiortc.rtp import RtcpRtpfbPacket

from greenroom.rooms.rtc.media import OPUS, VP8
from greenroom.rooms.rtc.ports import StreamParameters
from greenroom.testing.clock import ManualClock
from support.rtp_peers import (
    VP8_DELTA,
    VP8_KEYFRAME,
    FakeSource,
    Pair,
    Recorder,
    audio_parameters,
    rtcp,
    video_parameters,
)


def send_audio(
    parameters: StreamParameters, count: int = 500, **network: float
) -> tuple[Pair, Recorder]:
    """Send `count` packets of 20 ms, each holding its own number."""
    clock = ManualClock()
    pair = Pair(clock, **network)
    source, heard = FakeSource(clock), Recorder()
    sender = pair.near.add_sender(OPUS, stream_id="s", track_id="t")
    sender.negotiate(parameters)
    sender.set_source(source)
    pair.far.add_receiver(parameters, "cid").add_sink(heard)
    for number in range(count):
        source.send(b"%d" % number, sequence=(65_300 + number) & 0xFFFF)
        clock.advance(0.02)
    clock.advance(0.5)
    pair.close()
    return pair, heard


def numbers(heard: Recorder) -> list[int]:
    return [int(payload) for payload in heard.payloads]


def test_sound_comes_through_a_clean_network_unchanged_and_in_order() -> None:
    _, heard = send_audio(audio_parameters())
    assert numbers(heard) == list(range(500))
    first = heard.packets[0]
    for number, packet in enumerate(heard.packets):
        assert packet.sequence == (first.sequence + number) & 0xFFFF
        assert packet.timestamp == (first.timestamp + 960 * number) & 0xFFFFFFFF


def test_nothing_is_asked_for_again_on_a_clean_network() -> None:
    pair, _ = send_audio(audio_parameters(nack=True))
    assert not rtcp(pair.back_rtcp.sent, RtcpRtpfbPacket)


def test_redundancy_makes_single_losses_good_before_the_next_packet() -> None:
    lost = 0

    def drop(_: bytes) -> bool:
        nonlocal lost
        lost += 1
        return lost % 5 == 0

    clock = ManualClock()
    pair = Pair(clock)
    pair.rtp.drop = drop
    source, heard = FakeSource(clock), Recorder()
    sender = pair.near.add_sender(OPUS, stream_id="s", track_id="t")
    parameters = audio_parameters(red=63)
    sender.negotiate(parameters)
    sender.set_source(source)
    pair.far.add_receiver(parameters, "cid").add_sink(heard)
    for number in range(101):
        source.send(b"%d" % number)
        clock.advance(0.02)
    clock.advance(0.5)
    pair.close()
    assert numbers(heard) == list(range(101))
    first = heard.packets[0]
    for number, packet in enumerate(heard.packets):
        assert packet.sequence == (first.sequence + number) & 0xFFFF
        assert packet.timestamp == (first.timestamp + 960 * number) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("parameters", "loss", "most_missing"),
    [
        (audio_parameters(), 0.02, 0.04),
        (audio_parameters(red=63), 0.02, 0.004),
        (audio_parameters(nack=True), 0.02, 0.0),
        (audio_parameters(nack=True), 0.2, 0.005),
        (audio_parameters(red=63), 0.2, 0.06),
        (audio_parameters(red=63, nack=True), 0.2, 0.002),
    ],
    ids=["plain", "red", "nack", "nack at 20 %", "red at 20 %", "both at 20 %"],
)
def test_what_is_lost_is_made_good(
    parameters: StreamParameters, loss: float, most_missing: float
) -> None:
    _, heard = send_audio(parameters, 1000, loss=loss)
    got = numbers(heard)
    assert len(set(got)) == len(got), "nothing is handed over twice"
    last = max(got)
    assert (last + 1 - len(got)) / (last + 1) <= most_missing
    first = heard.packets[0]
    for number, packet in zip(got, heard.packets, strict=True):
        assert packet.sequence == (first.sequence + number - got[0]) & 0xFFFF
        assert packet.timestamp == (first.timestamp + 960 * (number - got[0])) & 0xFFFFFFFF


def test_disorder_and_doubles_hand_over_each_packet_once_under_its_number() -> None:
    _, heard = send_audio(audio_parameters(), spread=0.05, doubling=0.3)
    got = numbers(heard)
    assert sorted(got) == list(range(min(got), 500))
    first = heard.packets[got.index(min(got))]
    for number, packet in zip(got, heard.packets, strict=True):
        assert packet.sequence == (first.sequence + number - min(got)) & 0xFFFF


@pytest.mark.parametrize("rtx", [97, None], ids=["rtx", "plain resending"])
@pytest.mark.parametrize("loss", [0.02, 0.2])
def test_video_is_complete_after_retransmission(rtx: int | None, loss: float) -> None:
    clock = ManualClock()
    pair = Pair(clock, loss=loss, spread=0.01)
    source, seen = FakeSource(clock, VP8), Recorder()
    sender = pair.near.add_sender(VP8, stream_id="s", track_id="t")
    parameters = video_parameters(rtx=rtx)
    sender.negotiate(parameters)
    sender.set_source(source)
    described = video_parameters(
        rtx=rtx, ssrcs=(sender.ssrc,), rtx_ssrcs={sender.rtx_ssrc: sender.ssrc} if rtx else {}
    )
    pair.far.add_receiver(described, "cid").add_sink(seen)
    for frame in range(150):
        start = VP8_KEYFRAME if frame == 0 else VP8_DELTA
        for part in range(4):
            source.send(
                start + b"%d" % (4 * frame + part),
                keyframe=frame == 0 and part == 0,
                marker=part == 3,
            )
        clock.advance(1 / 30)
    clock.advance(1.0)
    pair.close()
    got = sorted(int(payload[4:]) for payload in seen.payloads)
    assert got == list(range(got[0], got[-1] + 1))
    assert got[0] < 4
    assert got[-1] > 590
