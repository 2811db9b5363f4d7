"""Ogg Opus streams: what is written can be read, by us and by others, and damage is told."""

from __future__ import annotations

import numpy as np
import pytest
import sphn

from greenroom.audio.ogg import PageReader, write_page
from greenroom.audio.pcm import Pcm
from greenroom.duplex.ogg_opus import (
    FRAME,
    PAGE,
    QUICK_BYTES,
    OpusStreamReader,
    OpusStreamWriter,
)
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.errors import CapacityExceeded, InvalidInput
from greenroom.rooms.rtc.agent_media.opus import SILENT_FRAME


def tone(seconds: float, hz: float = 440) -> Pcm:
    t = np.arange(round(seconds * DUPLEX_RATE)) / DUPLEX_RATE
    return (16_000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def purity(pcm: Pcm, hz: float = 440) -> float:
    """The share of the energy that is the tone's, beginning and end left out."""
    middle = pcm[4_800:-4_800].astype(np.float64)
    t = np.arange(len(middle)) / DUPLEX_RATE
    waves = np.stack([np.sin(2 * np.pi * hz * t), np.cos(2 * np.pi * hz * t)], 1)
    rest = middle - waves @ np.linalg.lstsq(waves, middle, rcond=None)[0]
    return float(1 - (rest @ rest) / (middle @ middle))


def written(pcm: Pcm, step: int = PAGE) -> list[bytes]:
    writer = OpusStreamWriter()
    return [writer.write(pcm[at : at + step]) for at in range(0, len(pcm), step)]


def read(pieces: list[bytes]) -> Pcm:
    reader = OpusStreamReader()
    return np.concatenate([reader.read(piece) for piece in pieces])


STREAM = b"".join(written(tone(0.4)))


# -- writing ---------------------------------------------------------------------------------------


def test_a_tone_comes_through_pure_and_in_its_length() -> None:
    pcm = tone(2)
    heard = read(written(pcm))
    assert len(heard) == len(pcm)
    assert purity(heard) > 0.999


def test_portions_of_any_length_make_the_same_sound() -> None:
    pcm = tone(0.6)
    for step in (1_000, 479, 70):
        assert purity(read(written(pcm, step))) > 0.999


def test_what_is_less_than_a_packet_waits_for_more() -> None:
    writer = OpusStreamWriter()
    assert writer.missing == 0
    assert writer.write(tone(0.02)[:-1]) == b""
    assert writer.missing == 1
    assert writer.write(np.zeros(1, np.int16))
    assert writer.missing == 0


def test_the_header_comes_first_and_granules_count_at_48_khz() -> None:
    writer = OpusStreamWriter()
    first = writer.write(tone(0.1))
    pages = list(PageReader().feed(first + writer.write(tone(0.1))))
    assert pages[0].first
    assert pages[0].packets[0].startswith(b"OpusHead\x01\x01")
    assert pages[1].packets[0].startswith(b"OpusTags")
    # 80 ms, and what is left of 100: a page is sent at once.
    assert [(page.granule, len(page.packets)) for page in pages[2:]] == [
        (3_840, 4),
        (4_800, 1),
        (8_640, 4),
        (9_600, 1),
    ]


def test_silence_costs_three_bytes_a_packet_after_the_sound_has_ended() -> None:
    writer = OpusStreamWriter()
    stream = b"".join(writer.write(part) for part in (tone(0.08), np.zeros(4 * PAGE, np.int16)))
    packets = [packet for page in PageReader().feed(stream) for packet in page.packets][2:]
    assert packets[4] != SILENT_FRAME  # it has the end of the sound in it
    assert set(packets[5:]) == {SILENT_FRAME}
    heard = read([stream, writer.write(tone(1))])
    assert purity(heard[-DUPLEX_RATE:]) > 0.999


def test_others_read_what_is_written() -> None:
    reader = sphn.OpusStreamReader(DUPLEX_RATE)
    heard = np.concatenate([reader.append_bytes(piece) for piece in written(tone(1))])
    assert len(heard) == DUPLEX_RATE
    assert purity((heard * 32_767).astype(np.int16)) > 0.999


def test_more_packets_than_a_page_holds_are_refused() -> None:
    with pytest.raises(ValueError, match="segments"):
        write_page([b"x"] * 256, serial=1, sequence=0, granule=0)
    (page,) = PageReader().feed(
        write_page([b"a" * 255, b"b" * 600, b""], serial=1, sequence=0, granule=7, first=True)
    )
    assert page.packets == (b"a" * 255, b"b" * 600, b"")


# -- reading ---------------------------------------------------------------------------------------


def test_what_others_write_is_read() -> None:
    writer = sphn.OpusStreamWriter(DUPLEX_RATE)
    pcm = (tone(1) / 32_768).astype(np.float32)
    pieces = [writer.append_pcm(pcm[at : at + PAGE]) for at in range(0, len(pcm) - PAGE, PAGE)]
    heard = read(pieces)
    # Nothing is skipped at the beginning, though the header asks for 80 ms of it.
    assert len(heard) == len(pieces) * PAGE
    assert purity(heard) > 0.99


@pytest.mark.parametrize("size", [1, 13, 100, 1_000])
def test_a_stream_may_be_cut_anywhere(size: int) -> None:
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert np.array_equal(read(pieces), read([STREAM]))


def test_one_stream_may_follow_another() -> None:
    assert len(read([STREAM, STREAM])) == 2 * len(read([STREAM]))
    assert len(read([STREAM[:-10], STREAM])) >= len(read([STREAM])) + 2 * FRAME


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"RIFF....WAVEfmt ", "is no Ogg stream"),
        (b"OggS" + bytes(80), "is no Ogg stream"),
        (STREAM[STREAM.index(b"OggS", 100) :], "is a stream whose beginning is missing"),
        (
            write_page([b"\x01vorbis"], serial=1, sequence=0, granule=0, first=True),
            "is an Ogg stream, but not of Opus",
        ),
        (
            write_page([], serial=1, sequence=0, granule=0, first=True),
            "is an Ogg stream, but not of Opus",
        ),
    ],
)
def test_what_is_no_stream_is_told_and_one_may_follow(data: bytes, problem: str) -> None:
    reader = OpusStreamReader()
    for _ in range(2):
        with pytest.raises(InvalidInput) as refused:
            reader.read(data)
        assert (refused.value.field, refused.value.problem) == ("audio", problem)
    assert len(reader.read(STREAM)) == len(tone(0.4))


def test_a_damaged_page_is_left_out() -> None:
    damaged = bytearray(STREAM)
    damaged[len(STREAM) // 2] ^= 0xFF
    assert 0 < len(read([bytes(damaged)])) < len(read([STREAM]))


def test_packets_that_do_not_decode_are_told_and_the_stream_goes_on() -> None:
    # A packet of code 3 whose count of frames is zero (RFC 6716 section 3.2.5).
    bad = write_page([b"\xff\x00", b"\xff\x00"], serial=9, sequence=2, granule=0)
    head = write_page([b"OpusHead\x01\x01" + bytes(9)], serial=9, sequence=0, granule=0, first=True)
    good = write_page([SILENT_FRAME], serial=9, sequence=3, granule=0)
    reader = OpusStreamReader()
    assert len(reader.read(head)) == 0
    with pytest.raises(InvalidInput, match="no Opus that can be decoded"):
        reader.read(bad)
    assert len(reader.read(good)) == FRAME
    assert len(reader.read(bad + good)) == FRAME


def test_hours_of_silence_in_one_message_are_bounded_and_the_stream_goes_on() -> None:
    reader = OpusStreamReader(max_seconds=1)
    hours = [write_page([SILENT_FRAME] * 60, serial=9, sequence=n, granule=0) for n in range(1, 4)]
    head = write_page([b"OpusHead\x01\x01" + bytes(9)], serial=9, sequence=0, granule=0, first=True)
    with pytest.raises(CapacityExceeded):
        reader.read(head + b"".join(hours))
    good = write_page([SILENT_FRAME], serial=9, sequence=5, granule=0)
    assert len(reader.read(good)) == FRAME


def test_what_takes_long_is_known_beforehand() -> None:
    reader = OpusStreamReader()
    assert reader.is_quick(bytes(QUICK_BYTES))
    assert not reader.is_quick(bytes(QUICK_BYTES + 1))
