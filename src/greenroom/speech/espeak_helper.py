"""The process that hosts espeak-ng: `python -m greenroom.speech.espeak_helper`.

espeak-ng is under the GPL, version 3 or later. This process loads its library, and speaks with the
server by the frames of `wire`; it imports nothing of Greenroom but that and `child`.

Greeting: `{"hello": "espeak-ng", "rate": Hz, "voices": [...], "variants": [...]}`.
Request: `{"id", "op": "speak", "text", "voice", "rate", "pitch", "range", "volume"}` with a voice
such as `en-us+f2`, words per minute, and 0 to 99 (volume 0 to 200).
Answers: `{"id", "words": [[character offset, sample], ...]}` with samples as payload; then `end`.
One utterance is spoken at a time; others wait in the order of their coming.
"""

from __future__ import annotations

import ctypes
import os
from collections import deque
from typing import Any

import espeakng_loader

from greenroom.helpers.child import Child, ServerGone
from greenroom.helpers.wire import WireError

# espeak-ng/speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_EVENT_LIST_END, _EVENT_WORD = 0, 1

_BUFFER_MS = 60
_CALLS_PER_FRAME = 5
"""After the first, buffers are sent together: fewer, larger frames."""


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),  # pairs of a priority byte and a string
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Engine:
    """The library, and the utterance that it speaks now."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path()
        self.rate = int(
            self._lib.espeak_Initialize(
                _AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, data.encode(), _DONT_EXIT
            )
        )
        if self.rate <= 0:
            raise RuntimeError("espeak-ng can't be initialised")
        self._lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._callback = _Callback(self._on_samples)
        self._lib.espeak_SetSynthCallback(self._callback)
        self.voices = self._list_voices()
        self.variants = sorted(os.listdir(os.path.join(data, "voices", "!v")))  # noqa: PTH118, PTH208
        self._queue: deque[dict[str, Any]] = deque()
        self._current: int | None = None
        self._samples = bytearray()
        self._words: list[tuple[int, int]] = []
        self._buffers = 0
        self._trouble: BaseException | None = None

    def _list_voices(self) -> dict[str, str]:
        """What a voice may be called, in lower case: its language, or its identifier (a file)."""
        voices = self._lib.espeak_ListVoices(None)
        names: dict[str, str] = {}
        i = 0
        while voices[i]:
            voice = voices[i].contents
            identifier = voice.identifier.decode()
            names.setdefault(ctypes.string_at(voice.languages + 1).decode().lower(), identifier)
            names[identifier.lower()] = identifier
            i += 1
        return names

    def _choose_voice(self, name: str) -> bool:
        # By identifier: by language, espeak refuses some that it lists ("en-gb").
        base, plus, variant = name.partition("+")
        chosen = self.voices.get(base.lower(), base) + plus + variant
        return bool(self._lib.espeak_SetVoiceByName(chosen.encode()) == 0)

    def serve(self) -> None:
        """Speak what is asked until the server goes."""
        self._child.send(
            {
                "hello": "espeak-ng",
                "rate": self.rate,
                "voices": sorted(self.voices),
                "variants": self.variants,
            }
        )
        while True:
            self._read(wait=not self._queue)
            if self._queue:
                self._speak(self._queue.popleft())

    def _read(self, *, wait: bool) -> None:
        for frame in self._child.poll(wait=wait):
            header = frame.header
            if header.get("op") == "speak":
                self._queue.append(header)
            elif header.get("op") == "cancel":
                if header["id"] == self._current:
                    self._current = None
                else:
                    self._queue = deque(h for h in self._queue if h["id"] != header["id"])

    def _speak(self, request: dict[str, Any]) -> None:
        number = request["id"]
        if not self._choose_voice(request["voice"]):
            self._child.send({"id": number, "end": True, "error": f"no voice {request['voice']}"})
            return
        for parameter, key in (
            (_RATE, "rate"), (_VOLUME, "volume"), (_PITCH, "pitch"), (_RANGE, "range"),
        ):  # fmt: skip
            self._lib.espeak_SetParameter(parameter, int(request[key]), 0)
        self._current, self._buffers = number, 0
        self._samples.clear()
        self._words.clear()
        text = request["text"].encode() + b"\0"
        self._lib.espeak_Synth(text, len(text), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
        self._lib.espeak_Synchronize()
        if self._trouble is not None:
            raise self._trouble
        if self._current is not None:
            self._flush({"end": True})
            self._current = None

    def _on_samples(self, wave: Any, count: int, events: Any) -> int:
        """What espeak calls with each buffer; returning 1 ends the utterance."""
        try:
            i = 0
            while events[i].type != _EVENT_LIST_END:
                if events[i].type == _EVENT_WORD:
                    self._words.append((events[i].text_position - 1, events[i].sample))
                i += 1
            if wave and count:
                self._samples += ctypes.string_at(wave, 2 * count)
                self._buffers += 1
                if self._buffers % _CALLS_PER_FRAME == 1:
                    self._flush({})
            self._read(wait=False)
        except (ServerGone, WireError, OSError, KeyError) as error:
            # An exception can't pass through espeak's frames: it is raised again below them.
            self._trouble, self._current = error, None
        return int(self._current is None)

    def _flush(self, more: dict[str, Any]) -> None:
        if self._current is not None:
            self._child.send(
                {"id": self._current, "words": self._words, **more}, bytes(self._samples)
            )
        self._samples.clear()
        self._words.clear()


def main() -> None:
    """Serve until the server goes."""
    child = Child()
    try:
        Engine(child).serve()
    except ServerGone:
        return


if __name__ == "__main__":
    main()
