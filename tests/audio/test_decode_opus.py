from __future__ import annotations

import struct

import numpy as np
import pytest

from audio.sounds import SPEECH, decoded, likeness, opus, pieces, speech_at, tone
from greenroom.audio import ogg
from greenroom.audio.decode import Decoder, create_decoder
from greenroom.errors import InvalidInput

SPEECH_FILE = opus(speech_at(48_000))


def decoder() -> Decoder:
    return create_decoder("opus", 48_000)


def page(
    packets: list[bytes],
    *,
    flags: int = 0,
    granule: int = 0,
    serial: int = 7,
    open_end: bool = False,
) -> bytes:
    """An Ogg page with a right checksum; `open_end`: its last packet goes on in the next page."""
    lacing = []
    for packet in packets:
        lacing += [255] * (len(packet) // 255) + [len(packet) % 255]
    if open_end:
        assert lacing.pop() == 0
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, 0, 0, len(lacing))
    raw = head + bytes(lacing) + b"".join(packets)
    checksum = ogg._checksum(raw)
    return raw[:22] + checksum.to_bytes(4, "little") + raw[26:]


HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 48_000, 0, 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_stream_split_anywhere_gives_the_speech_in_its_length(seed: int) -> None:
    sound = decoded(decoder(), *pieces(SPEECH_FILE, seed))
    assert abs(len(sound) - len(SPEECH)) <= 1
    assert likeness(sound, SPEECH, 8) > 0.93


def test_a_stream_of_one_page_ends_where_the_page_says() -> None:
    (packet,) = next(
        p.packets for p in ogg.PageReader().feed(opus(tone(300, 0.02, 48_000))) if p.last
    )[:1]
    last = page([packet] * 10, flags=4, granule=312 + 9 * 960 + 480)
    sound = decoded(decoder(), page([HEAD], flags=2) + page([b"OpusTags"]) + last)
    assert abs(len(sound) - (9 * 320 + 160)) <= 1


def test_stereo_becomes_one_channel() -> None:
    sound = decoded(decoder(), opus(speech_at(48_000), channels=2))
    assert abs(len(sound) - len(SPEECH)) <= 1
    assert likeness(sound, SPEECH, 8) > 0.93


def test_a_new_first_page_begins_a_new_stream() -> None:
    files = [opus(tone(hertz, 1.5, 48_000)) for hertz in (300, 600)]
    sound = decoded(decoder(), *files)
    assert abs(len(sound) - 48_000) <= 2
    assert likeness(sound[1_000:23_000], tone(300, 1.5)[1_000:23_000], 60) > 0.98
    assert likeness(sound[25_000:47_000], tone(600, 1.5)[1_000:23_000], 60) > 0.98


def test_a_damaged_page_is_left_out_and_the_rest_goes_on() -> None:
    pages = [b"OggS" + part for part in SPEECH_FILE.split(b"OggS")[1:]]
    assert len(pages) >= 4
    broken = bytearray(pages[3])
    broken[-20] ^= 0xFF
    whole = decoded(decoder(), SPEECH_FILE)
    part = decoded(decoder(), *pages[:3], bytes(broken), b"junk between pages", *pages[4:])
    assert 0 < len(part) < len(whole)


def test_a_damaged_packet_is_left_out() -> None:
    good = page([HEAD], flags=2) + page([b"OpusTags"])
    # 0xFC 0xFF is a packet of code 0 (one frame); 0xFF alone promises frames that aren't there.
    sound = decoded(decoder(), good + page([b"\xff", b"", b"\x08\x00\x00"]))
    assert len(sound) > 0


def test_a_packet_may_go_on_over_pages() -> None:
    rng = np.random.default_rng(3)
    packet = b"\xf8" + rng.bytes(764)  # one frame of 20 ms in CELT
    head = page([HEAD], flags=2) + page([b"OpusTags"])
    whole = decoded(decoder(), head + page([packet]))
    apart = decoded(
        decoder(), head + page([packet[:510]], open_end=True) + page([packet[510:]], flags=1)
    )
    headless = decoded(decoder(), head + page([packet[510:]], flags=1) + page([packet]))
    assert len(whole) > 0
    assert np.abs(whole.astype(int) - apart).max() <= 2
    assert len(headless) == len(whole)


def test_pages_of_another_stream_beside_it_are_left_out() -> None:
    head = page([HEAD], flags=2)
    assert len(decoded(decoder(), head + page([b"\x08\x00\x00"], serial=99))) == 0


def test_a_packet_that_never_ends_is_not_kept() -> None:
    reader = ogg.PageReader()
    endless = page([bytes(255 * 255)], open_end=True)
    pages = list(reader.feed(page([HEAD], flags=2) + endless))
    for _ in range(40):
        pages += reader.feed(page([bytes(255 * 255)], flags=1, open_end=True))
    assert len(reader._packet) <= ogg.MAX_PACKET + 1
    (last,) = reader.feed(page([b"end"], flags=1))
    assert last.packets == ()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"certainly not Ogg", "not an Ogg stream"),
        (bytes(5_000), "not an Ogg stream"),
        (b"OggS" + bytes(400), "not an Ogg stream"),
        (page([b"\x01vorbis" + bytes(23)], flags=2), "not Opus"),
        (page([b"OpusHead"], flags=2), "not Opus"),
        (page([], flags=2), "not Opus"),
        (page([HEAD[:9] + b"\x09" + HEAD[10:]], flags=2), "makes no sense"),
    ],
)
def test_what_is_not_ogg_opus_is_refused_and_a_new_stream_is_taken(
    data: bytes, problem: str
) -> None:
    decode = decoder()
    with pytest.raises(InvalidInput) as caught:
        decode.decode(data)
    assert caught.value.field == "data.audio"
    assert problem in caught.value.problem
    assert "Ogg Opus" in caught.value.allowed
    assert len(decoded(decode, SPEECH_FILE)) > 20_000


def test_a_stream_that_turns_into_garbage_is_given_up() -> None:
    decode = decoder()
    decode.decode(SPEECH_FILE)
    for _ in range(30):
        assert len(decode.decode(bytes(2_000))) == 0
    with pytest.raises(InvalidInput):
        decode.decode(bytes(8_000))


def test_pages_that_are_all_damaged_are_given_up_soon() -> None:
    decode = decoder()
    decode.decode(SPEECH_FILE)
    fake = struct.pack("<4sBBqIIIB", b"OggS", 0, 0, 0, 7, 0, 1, 2) + b"\xff\xff"
    with pytest.raises(InvalidInput):
        decode.decode((fake + bytes(20)) * 60)


@pytest.mark.parametrize("useless", [page([b"\xff"] * 200), page([HEAD], flags=2) * 200])
def test_packets_that_never_decode_are_given_up(useless: bytes) -> None:
    decode = decoder()
    decode.decode(SPEECH_FILE)
    with pytest.raises(InvalidInput) as caught:
        decode.decode(page([HEAD], flags=2) + useless)
    assert "can't be decoded" in caught.value.problem


def test_hours_of_silence_in_a_small_message_are_refused() -> None:
    silence = b"\x1b\x02"  # two empty frames of 60 ms
    bomb = page([HEAD], flags=2) + page([silence] * 80) * 20
    assert len(bomb) < 10_000
    with pytest.raises(InvalidInput) as caught:
        decoder().decode(bomb)
    assert "120 s" in caught.value.problem
