"""Opus, by libopus itself and by PyAV where there is none."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.audio.pcm import Pcm
from greenroom.rooms.rtc.agent_media import opus, opus_library
from greenroom.rooms.rtc.agent_media.opus import (
    RATES,
    SILENT_FRAME,
    LibOpusDecoder,
    LibOpusEncoder,
    OpusDecoder,
    OpusEncoder,
    opus_decoder,
    opus_encoder,
)
from greenroom.rooms.rtc.agent_media.opus_by_av import AvOpusDecoder, AvOpusEncoder
from greenroom.rooms.rtc.agent_media.opus_library import OpusLibrary, first_working
from support.media import purity, tone


def frames(pcm: Pcm, rate: int) -> Iterator[Pcm]:
    size = rate // 50
    yield from (pcm[start : start + size] for start in range(0, len(pcm) - size + 1, size))


def encoded(encoder: OpusEncoder, pcm: Pcm, rate: int) -> list[bytes]:
    return [encoder.encode(frame) for frame in frames(pcm, rate)]


def decoded(decoder: OpusDecoder, packets: list[bytes]) -> Pcm:
    parts = [decoder.decode(packet) for packet in packets]
    return np.concatenate([part for part in parts if part is not None])


def speech(rate: int, seconds: float = 1.0) -> Pcm:
    """A buzz whose pitch and loudness move, as a voice's do: what is missing can be heard."""
    times = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 3 * times)) / rate
    wave = sum(np.sin(k * phase) / k for k in range(1, 12)) * (1 + np.sin(2 * np.pi * 4 * times))
    pcm: Pcm = np.rint(4_000 * wave).astype(np.int16)
    return pcm


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus, "opus_library", lambda: None)


def test_pyavs_libopus_is_found() -> None:
    library = opus_library.opus_library()

    assert library is not None
    assert library.version.startswith("libopus 1.")
    assert isinstance(opus_encoder(16_000), LibOpusEncoder)
    assert isinstance(opus_decoder(16_000), LibOpusDecoder)


@pytest.mark.usefixtures("no_library")
def test_without_libopus_pyav_does() -> None:
    assert isinstance(opus_encoder(16_000), AvOpusEncoder)
    assert isinstance(opus_decoder(16_000), AvOpusDecoder)


@pytest.mark.parametrize("system", ["libopus.so.0", None])
def test_the_systems_libopus_is_the_last_to_be_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str | None
) -> None:
    monkeypatch.setattr("ctypes.util.find_library", lambda name: system)
    assert [*opus_library._candidates()][1:] == ([system] if system else [])
    monkeypatch.setattr(av, "__file__", str(tmp_path / "av" / "__init__.py"))
    assert [*opus_library._candidates()] == ([system] if system else [])


def test_a_library_that_is_not_there_or_is_another_is_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = opus_library.opus_library()
    assert found is not None
    good = next(opus_library._candidates())
    assert isinstance(first_working(iter(["/nowhere/libopus.so", "libc.so.6", good])), OpusLibrary)
    with caplog.at_level(logging.WARNING):
        assert first_working(iter(["/nowhere/libopus.so", "libc.so.6"])) is None
    assert "opus_encoder_get_size" in caplog.text
    assert "not concealed" in caplog.text


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_a_tone_comes_out_pure(rate: int, loss: float) -> None:
    encoder, decoder = opus_encoder(rate), opus_decoder(rate)
    encoder.set_expected_loss(loss)
    pcm = decoded(decoder, encoded(encoder, tone(0.4, rate), rate))

    assert len(pcm) == round(0.4 * rate)
    assert purity(pcm[rate // 10 :], rate) > 0.999


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.usefixtures("no_library")
def test_a_tone_comes_out_pure_by_pyav_too(rate: int) -> None:
    encoder, decoder = opus_encoder(rate), opus_decoder(rate)
    encoder.set_expected_loss(0.1)
    encoder.after_silence()
    packets = encoded(encoder, tone(0.6, rate), rate)
    pcm = decoded(decoder, packets)

    assert len(packets) == 30
    assert purity(pcm[rate // 10 : rate // 2], rate) > 0.999
    assert decoder.decode(b"") is None
    assert decoder.decode(b"\xff\xff\xff") is None
    assert not decoder.conceal(320, packets[0]).any()


def test_both_ways_decode_the_same() -> None:
    packets = encoded(opus_encoder(48_000), speech(48_000), 48_000)
    a = decoded(opus_decoder(48_000), packets).astype(np.int32)
    b = decoded(AvOpusDecoder(48_000), packets)

    assert np.abs(a - b).max() <= 1


def test_the_silent_frame_is_what_the_coder_itself_makes_of_silence() -> None:
    encoder = opus_encoder(48_000)
    encoder.encode(tone(0.02, 48_000))
    silence = np.zeros(960, np.int16)
    packets = [encoder.encode(silence) for _ in range(25)]

    assert packets[-1] == SILENT_FRAME
    pcm = opus_decoder(48_000).decode(SILENT_FRAME)
    assert pcm is not None
    assert len(pcm) == 960
    assert not pcm.any()


def test_a_lost_packet_is_concealed_better_by_its_repetition_than_by_a_guess() -> None:
    rate = 16_000
    encoder = opus_encoder(rate)
    encoder.set_expected_loss(0.2)
    packets = encoded(encoder, speech(rate), rate)
    truth = decoded(opus_decoder(rate), packets).astype(np.float64)
    errors: dict[str, float] = {"repeated": 0, "guessed": 0, "silent": 0}
    for lost in range(10, 40):
        at = slice(lost * 320, (lost + 1) * 320)
        for how in errors:
            decoder = opus_decoder(rate)
            decoded(decoder, packets[:lost])
            following = packets[lost + 1] if how == "repeated" else None
            made = np.zeros(320) if how == "silent" else decoder.conceal(320, following)
            errors[how] += float(np.sum((made - truth[at]) ** 2))

    assert errors["repeated"] < 0.5 * errors["guessed"]
    assert errors["guessed"] < errors["silent"]


def test_concealment_has_the_length_that_was_asked_for() -> None:
    decoder = opus_decoder(16_000)
    packets = encoded(opus_encoder(16_000), speech(16_000), 16_000)
    decoded(decoder, packets[:10])

    assert len(decoder.conceal(320)) == 320
    assert len(decoder.conceal(960, packets[13])) == 960
    assert len(decoder.conceal(333)) == 333
    assert len(decoder.conceal(7)) == 7
    assert len(decoder.conceal(5_000)) == 5_000
    assert len(decoder.conceal(0)) == 0


def test_a_repetition_begins_with_loss_and_ends_well_below_it() -> None:
    def way(encoder: OpusEncoder) -> str:
        configuration = encoded(encoder, speech(48_000, 0.2), 48_000)[-1][0] >> 3
        return "celt" if configuration >= 16 else "speech"  # RFC 6716 section 3.1

    encoder = opus_encoder(48_000)
    ways = []
    for loss in (0.0, 0.04, 0.05, 0.03, 0.01, -1.0, 7.0):
        encoder.set_expected_loss(loss)
        ways.append(way(encoder))

    assert ways == ["celt", "celt", "speech", "speech", "celt", "celt", "speech"]


def test_stereo_is_folded_to_mono() -> None:
    codec: Any = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format = 48_000, "stereo", "s16"
    decoder, parts = opus_decoder(16_000), []
    left = tone(0.4, 48_000)
    for index, part in enumerate(frames(left, 48_000)):
        both = np.stack([part, np.zeros_like(part)], axis=1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, index * 960
        parts += [decoder.decode(bytes(packet)) for packet in codec.encode(frame)]
    pcm = np.concatenate([part for part in parts if part is not None])[3_200:]

    assert purity(pcm, 16_000) > 0.999
    assert np.abs(pcm).max() == pytest.approx(4_000, rel=0.05)


def test_what_is_no_frame_is_refused() -> None:
    for encoder in (opus_encoder(16_000), AvOpusEncoder(16_000)):
        with pytest.raises(ValueError, match="not a frame"):
            encoder.encode(np.zeros(160, np.int16))
    library = opus_library.opus_library()
    assert library is not None
    with pytest.raises(ValueError, match="44100"):
        LibOpusEncoder(library, 44_100)
    with pytest.raises(ValueError, match="44100"):
        LibOpusDecoder(library, 44_100)


def test_samples_that_are_not_in_a_row_are_encoded_as_they_are() -> None:
    pcm = tone(0.04, 16_000)

    assert opus_encoder(16_000).encode(pcm[::2]) == opus_encoder(16_000).encode(pcm[::2].copy())


@given(st.binary(max_size=1_500))
def test_garbage_is_none_or_samples(garbage: bytes) -> None:
    decoder = opus_decoder(16_000)
    pcm = decoder.decode(garbage)

    assert pcm is None or 0 < len(pcm) <= 1_920
    assert len(decoder.conceal(320, garbage)) == 320
