"""Sound as MP3, by LAME."""

from __future__ import annotations

import io

import av

from greenroom.audio.pcm import Pcm
from greenroom.audio.resample import resample

MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Hz that MP3 knows."""
BIT_RATE = 48_000
"""Bit/s: speech of one voice at 24 kHz, without audible loss."""
EFFORT = "7"
"""LAME's quality, 0 to 9. For speech 7 takes half the time of the usual 5; its noise is no more."""


def encode_mp3(pcm: Pcm, rate: int, bit_rate: int = BIT_RATE) -> bytes:
    """One whole MP3 file, mono, at `rate` Hz or the next higher one that MP3 knows.

    It says how much of its beginning and end is padding (the LAME tag), so that a decoder which
    minds it gives the sound back in its length. `pcm` must not be empty. About 6 ms of CPU for a
    second of sound at 24 kHz, and 1 ms to begin; call it in a thread, in as many as you like.
    """
    if not len(pcm):
        raise ValueError("no sound to encode")
    encoded_rate = next((r for r in MP3_RATES if r >= rate), MP3_RATES[-1])
    pcm = resample(pcm, rate, encoded_rate)
    file = io.BytesIO()
    with av.open(file, "w", format="mp3", options={"id3v2_version": "0"}) as container:
        stream = container.add_stream(
            "libmp3lame", rate=encoded_rate, layout="mono", options={"compression_level": EFFORT}
        )
        stream.codec_context.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = encoded_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
