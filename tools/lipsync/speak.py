"""Speech with known phone times, by espeak-ng: `pip install espeakng-loader`.

espeak-ng is under the GPL, version 3 or later; this is a tool, which Greenroom never imports.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import espeakng_loader
import numpy as np
import soxr

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE

# espeak-ng/speak_lib.h
_SYNCHRONOUS, _PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 2, 1, 2, 0x8000
_CHARS_UTF8, _POS_CHARACTER = 1, 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_LIST_END, _PHONEME = 0, 7


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said, and when: `phones` are (second at which it begins, phone), pauses empty."""

    pcm: Pcm
    """At LIP_SYNC_RATE."""
    phones: list[tuple[float, str]]
    stops_begin_closed: bool = False
    """Whether an unvoiced stop begins with its closure; else with the burst that ends it."""


class Espeak:
    """The library. One to a process."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        self._rate = self._lib.espeak_Initialize(
            _SYNCHRONOUS,
            60,
            espeakng_loader.get_data_path().encode(),
            _DONT_EXIT | _PHONEME_EVENTS | _PHONEME_IPA,
        )
        self._callback = _Callback(self._on_samples)
        self._lib.espeak_SetSynthCallback(self._callback)
        self._samples = bytearray()
        self._phones: list[tuple[float, str]] = []

    def _on_samples(self, wave: Any, count: int, events: Any) -> int:
        i = 0
        while events[i].type != _LIST_END:
            if events[i].type == _PHONEME:
                # The name is eight bytes at most, which may end within a character.
                name = events[i].name.decode(errors="ignore")
                if not name.startswith("("):  # "(en)": another language's word begins
                    self._phones.append((events[i].sample / self._rate, name))
            i += 1
        if wave and count:
            self._samples += ctypes.string_at(wave, 2 * count)
        return 0

    def say(
        self,
        text: str,
        voice: str,
        *,
        words_per_minute: int = 165,
        pitch: int = 50,
        pitch_range: int = 50,
        size: float = 1.0,
    ) -> Utterance:
        """Say a text, with 0.1 s of silence before and 0.3 s after it.

        `voice`: a file of espeak's `lang` folder and a variant, `gmw/en-US+f2`. `pitch` and
        `pitch_range`: 0 to 99. `size` other than 1 plays it slower or faster, formants and all,
        as a head of that size would sound.
        """
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"no voice {voice}")
        for parameter, value in ((_RATE, words_per_minute), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._lib.espeak_SetParameter(parameter, value, 0)
        self._samples.clear()
        self._phones.clear()
        spoken = text.encode() + b"\0"
        self._lib.espeak_Synth(spoken, len(spoken), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
        self._lib.espeak_Synchronize()
        sound = np.frombuffer(bytes(self._samples), np.int16).astype(np.float32)
        pcm = soxr.resample(sound, self._rate / size, LIP_SYNC_RATE)
        before = LIP_SYNC_RATE // 10
        pcm = np.pad(pcm, (before, 3 * before))
        return Utterance(
            pcm=np.clip(np.round(pcm), -32768, 32767).astype(np.int16),
            phones=[(0.0, ""), *((0.1 + start * size, name) for start, name in self._phones)],
        )
