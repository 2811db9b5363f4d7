"""A caller's sound in each of its encodings."""

from __future__ import annotations

import io
from functools import cache

import av
import numpy as np
import pytest

from greenroom.api.avatars.errors import Refused
from greenroom.api.avatars.protocol import OPUS_RATE, Encoding, Voice
from greenroom.api.avatars.voice import VoiceDecoder
from greenroom.audio import ogg as ogg_module
from greenroom.audio.ogg import PageReader
from greenroom.audio.pcm import Pcm

TONE_HZ = 440


def voice(audio: bytes, encoding: Encoding) -> Voice:
    return Voice(None, audio, encoding, 16_000)


@cache
def ogg(seconds: float = 0.5) -> bytes:
    """A tone as an Ogg stream of Opus."""
    time = np.arange(round(seconds * OPUS_RATE)) / OPUS_RATE
    pcm = (8_000 * np.sin(2 * np.pi * TONE_HZ * time)).astype(np.int16)
    file = io.BytesIO()
    with av.open(file, "w", "ogg") as container:
        stream = container.add_stream("libopus", OPUS_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm[None], "s16", "mono")
        frame.rate = OPUS_RATE
        resampled = av.AudioResampler(stream.format, "mono", OPUS_RATE).resample(frame)
        for part in [*resampled, None]:
            container.mux(stream.encode(part))
    return file.getvalue()


def other_codec() -> bytes:
    """The same with another head, and its first page's checksum made right again."""
    end = len(next(PageReader().feed(ogg())).packets[0]) + ogg_module.HEADER.size + 1
    first = bytearray(ogg()[:end].replace(b"OpusHead", b"Speex   "))
    first[ogg_module.CHECKSUM] = ogg_module._checksum(bytes(first)).to_bytes(4, "little")
    return bytes(first) + ogg()[end:]


def packets() -> list[bytes]:
    pages = list(PageReader().feed(ogg()))
    return [packet for page in pages for packet in page.packets][2:]


def loudest_hz(pcm: Pcm) -> float:
    spectrum = np.abs(np.fft.rfft(pcm))
    return float(np.argmax(spectrum) * OPUS_RATE / len(pcm))


def test_pcm16_is_signed_and_little_endian() -> None:
    pcm = VoiceDecoder(1.0).decode(voice(b"\x01\x00\xff\xff\x00\x80", "PCM16"))
    assert pcm.dtype == np.int16
    assert pcm.tolist() == [1, -1, -32_768]


def test_pcm8_is_unsigned() -> None:
    pcm = VoiceDecoder(1.0).decode(voice(bytes([128, 0, 255, 129]), "PCM8"))
    assert pcm.dtype == np.int16
    assert pcm.tolist() == [0, -32_768, 32_512, 256]


def test_each_message_of_opus_may_be_a_packet() -> None:
    decoder = VoiceDecoder(1.0)
    sent = packets()
    parts = [decoder.decode(voice(packet, "OPUS")) for packet in sent]
    assert [len(part) for part in parts] == [960] * len(sent)
    assert loudest_hz(np.concatenate(parts)[4_800:19_200]) == pytest.approx(TONE_HZ, abs=5)
    assert not len(decoder.decode(voice(b"", "OPUS")))


@pytest.mark.parametrize("size", [1, 500, 100_000])
def test_opus_may_be_an_ogg_stream_cut_anywhere(size: int) -> None:
    decoder = VoiceDecoder(10.0)
    sent = ogg()
    # Its beginning shows what it is.
    pieces = [sent[:4], *(sent[at : at + size] for at in range(4, len(sent), size))]
    parts = [decoder.decode(voice(piece, "OPUS")) for piece in pieces]
    pcm = np.concatenate(parts)
    # The encoder's delay is left out, and the end is filled up to a whole packet.
    assert 24_000 <= len(pcm) < 24_000 + 2_000
    assert loudest_hz(pcm[:19_200]) == pytest.approx(TONE_HZ, abs=5)


def test_an_utterance_that_is_over_leaves_nothing_to_the_next() -> None:
    decoder = VoiceDecoder(10.0)
    decoder.decode(voice(ogg()[:200], "OPUS"))
    decoder.end_utterance()
    assert len(decoder.decode(voice(packets()[0], "OPUS"))) == 960
    assert len(decoder.decode(voice(ogg(), "OPUS"))) >= 24_000


def test_several_streams_may_follow_each_other() -> None:
    decoder = VoiceDecoder(10.0)
    assert len(decoder.decode(voice(ogg() + ogg(), "OPUS"))) >= 48_000


def test_stream_pieces_are_for_a_thread_and_packets_are_not() -> None:
    decoder = VoiceDecoder(10.0)
    assert decoder.is_quick(voice(packets()[0], "OPUS"))
    assert not decoder.is_quick(voice(ogg(), "OPUS"))
    assert decoder.is_quick(voice(bytes(2_000_000), "PCM16"))
    assert decoder.is_quick(voice(bytes(48_000), "PCM8"))
    assert not decoder.is_quick(voice(bytes(1_000_000), "PCM8"))


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        (b"\xff", "no packet"),  # says that a count of frames follows, and none does
        (b"\xff\xff" + bytes(50), "no packet"),
        (b"OggS" + bytes(100), "no Ogg stream"),
        (other_codec(), "not of Opus"),
        (ogg().replace(b"OpusHead", b"OpusHoed"), "no Ogg stream"),  # its checksum is wrong now
    ],
)
def test_opus_that_does_not_decode_is_refused_and_what_follows_is_heard(
    audio: bytes, said: str
) -> None:
    decoder = VoiceDecoder(10.0)
    with pytest.raises(Refused, match=said) as refused:
        decoder.decode(voice(audio, "OPUS"))
    assert refused.value.code == "INVALID_AUDIO"
    assert len(decoder.decode(voice(packets()[0], "OPUS"))) == 960
    assert len(decoder.decode(voice(ogg(), "OPUS"))) >= 24_000


def test_a_small_message_does_not_unfold_to_hours() -> None:
    with pytest.raises(Refused) as refused:
        VoiceDecoder(0.3).decode(voice(ogg(), "OPUS"))
    assert refused.value.code == "AUDIO_QUEUE_FULL"
