"""Transcripts as files: JSON, plain text, and subtitles for a recording (SRT, WebVTT)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import orjson

from greenroom.api.duplex.views import full_transcript, name_of, word_count
from greenroom.duplex.ports import Said, TrackedSession

SECONDS_PER_CHARACTER = 0.07
"""Of speech, where the length of an entry is not known."""
MIN_SHOWN = 1.0
"""Seconds for which a subtitle can be read at least, where nothing follows."""


@dataclass(frozen=True, slots=True)
class Export:
    """A file."""

    media_type: str
    content: bytes


def export(tracked: TrackedSession, kind: str) -> Export:
    """The transcript as `json`, `srt`, `vtt` or `txt`. About 5 us for an entry."""
    media_type, write = _KINDS[kind]
    return Export(media_type, write(tracked))


def _json(tracked: TrackedSession) -> bytes:
    body: dict[str, Any] = {
        "session_id": tracked.session.id,
        "status": tracked.status,
        "transcript": [
            {
                "speaker": said.speaker,
                "text": said.text,
                "t": round(said.t, 3),
                "duration": None if said.duration is None else round(said.duration, 3),
            }
            for said in tracked.transcript
        ],
        "word_count": word_count(tracked.transcript),
    }
    return orjson.dumps(body)


def _text(tracked: TrackedSession) -> bytes:
    text = full_transcript(tracked.transcript)
    return f"{text}\n".encode() if text else b""


def _srt(tracked: TrackedSession) -> bytes:
    """SubRip: numbered cues, with a comma before the milliseconds."""
    cues = (
        f"{number}\n{_time(said.t, ',')} --> {_time(end, ',')}\n"
        # An arrow in the text would be taken for a cue's time.
        f"{name_of(said)}: {_line(said).replace('-->', '->')}\n\n"
        for number, (said, end) in enumerate(_ends(tracked.transcript), 1)
    )
    return "".join(cues).encode()


def _vtt(tracked: TrackedSession) -> bytes:
    """WebVTT, with a voice span for who speaks."""
    cues = (
        f"{_time(said.t, '.')} --> {_time(end, '.')}\n"
        f"<v {name_of(said)}>{escape(_line(said), quote=False)}\n\n"
        for said, end in _ends(tracked.transcript)
    )
    return f"WEBVTT\n\n{''.join(cues)}".encode()


_KINDS: dict[str, tuple[str, Callable[[TrackedSession], bytes]]] = {
    "json": ("application/json", _json),
    "srt": ("application/x-subrip; charset=utf-8", _srt),
    "vtt": ("text/vtt; charset=utf-8", _vtt),
    "txt": ("text/plain; charset=utf-8", _text),
}


def _ends(transcript: Sequence[Said]) -> Iterator[tuple[Said, float]]:
    """Each entry, and when it ends: where that is not known, with what follows at the latest."""
    followings = [*(said.t for said in transcript[1:]), float("inf")]
    for said, following in zip(transcript, followings, strict=False):
        if said.duration is not None:
            yield said, said.t + said.duration
            continue
        guess = said.t + max(MIN_SHOWN, len(said.text) * SECONDS_PER_CHARACTER)
        yield said, min(guess, following) if following > said.t else guess


def _line(said: Said) -> str:
    """A cue's text holds no empty line."""
    return " ".join(said.text.split())


def _time(seconds: float, point: str) -> str:
    ms = max(0, round(seconds * 1000))
    minutes, ms = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{ms // 1000:02}{point}{ms % 1000:03}"
