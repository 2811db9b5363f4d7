"""In which order the helper of faster-whisper works, with a model that costs nothing."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Any

import numpy as np
import pytest

from greenroom.helpers.child import ServerGone
from greenroom.helpers.wire import Frame
from greenroom.speech import faster_whisper_helper
from greenroom.speech.faster_whisper_helper import Options, Recogniser, cut_point

RATE = 16_000


def voice(seconds: float) -> bytes:
    time = np.arange(round(seconds * RATE)) / RATE
    return (8_000 * np.sin(2 * np.pi * 200 * time)).astype("<i2").tobytes()


def quiet(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


class ScriptedChild:
    """Gives frames one look after another, and ends."""

    def __init__(self, *looks: list[Frame]) -> None:
        self._looks = deque(looks)
        self.sent: list[dict[str, Any]] = []

    def poll(self, *, wait: bool) -> list[Frame]:
        if self._looks:
            return self._looks.popleft()
        if wait:
            raise ServerGone
        return []

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        self.sent.append(header)


class CountingEar:
    """Says how many seconds it heard, and with which beam."""

    def __init__(self, options: Options) -> None:
        self.heard: list[tuple[float, int]] = []

    def hear(self, pcm: bytes, beam_size: int) -> tuple[str, float]:
        seconds = len(pcm) / 2 / RATE
        self.heard.append((seconds, beam_size))
        return f"{seconds:.1f}", 0.5


def audio(number: int, pcm: bytes, *, op: str = "audio", partials: bool = True) -> Frame:
    return Frame({"id": number, "op": op, "partials": partials}, pcm)


def run(
    monkeypatch: pytest.MonkeyPatch, *looks: list[Frame], beam_size: int = 1, cost: float = 0.0
) -> tuple[list[dict[str, Any]], list[tuple[float, int]]]:
    """What is sent after the greeting, and what was decoded."""
    monkeypatch.setattr(faster_whisper_helper, "Ear", CountingEar)
    child = ScriptedChild(*looks)
    ticks = count()
    recogniser = Recogniser(
        child,  # type: ignore[arg-type]
        Options("", beam_size=beam_size),
        lambda: next(ticks) * cost,
    )
    with pytest.raises(ServerGone):
        recogniser.serve()
    ear = recogniser._ear
    assert isinstance(ear, CountingEar)
    assert child.sent[0] == {"hello": "faster-whisper"}
    return child.sent[1:], ear.heard


def test_finals_come_before_partials(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, _ = run(
        monkeypatch,
        [audio(1, voice(1)), audio(2, voice(1)), audio(3, voice(2), op="finish")],
    )
    assert [(header["id"], "end" in header) for header in sent] == [
        (3, True), (1, False), (2, False)
    ]  # fmt: skip


def test_partials_never_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, heard = run(monkeypatch, [audio(1, voice(0.2)) for _ in range(10)])
    assert [header["text"] for header in sent] == ["2.0"]
    assert heard == [(2.0, 1)]


def test_partials_come_with_new_voice_only(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [[audio(1, voice(0.2))] for _ in range(3)] + [[audio(1, quiet(0.2))] for _ in range(9)]
    _, heard = run(monkeypatch, *looks)
    assert [seconds for seconds, _ in heard] == pytest.approx([0.6])


def test_a_slow_model_leaves_time_for_finals(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [[audio(1, voice(0.2))] for _ in range(20)]
    _, heard = run(monkeypatch, *looks, cost=0.5)
    assert [seconds for seconds, _ in heard] == pytest.approx([0.6, 1.6, 2.6, 3.6])
    _, heard = run(monkeypatch, *looks, [audio(1, quiet(0.3))], cost=2.0)
    assert [seconds for seconds, _ in heard] == pytest.approx([0.6, 4.3])


def test_a_pause_is_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [[audio(1, voice(0.3))], [audio(1, quiet(0.1))], [audio(1, quiet(0.15))]]
    _, heard = run(monkeypatch, *looks)
    assert [seconds for seconds, _ in heard] == pytest.approx([0.55])


def test_what_was_decoded_before_the_silence_is_the_final(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [[audio(1, voice(1))], [audio(1, quiet(0.5))], [audio(1, b"", op="finish")]]
    sent, heard = run(monkeypatch, *looks)
    assert sent[-1] == {"id": 1, "text": "1.0", "confidence": 0.5, "end": True}
    assert len(heard) == 1
    _, heard = run(monkeypatch, *looks, beam_size=5)
    assert heard == [(1.0, 1), (1.5, 5)]


def test_nobody_who_wants_no_partials_pays_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, heard = run(
        monkeypatch,
        [audio(1, voice(3), partials=False)],
        [audio(1, b"", op="finish", partials=False)],
    )
    assert [header["text"] for header in sent] == ["3.0"]
    assert len(heard) == 1


def test_a_cancelled_stream_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    cancel = Frame({"id": 1, "op": "cancel"})
    sent, heard = run(monkeypatch, [audio(1, voice(1)), cancel, cancel])
    assert not sent
    assert not heard


def test_a_turn_longer_than_the_model_hears_is_cut_where_it_is_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pcm = voice(20) + quiet(0.4) + voice(19.6)
    assert cut_point(pcm) / 2 / RATE == pytest.approx(20.2, abs=0.15)
    sent, heard = run(monkeypatch, [audio(1, pcm, op="finish")])
    assert [seconds for seconds, _ in heard] == pytest.approx([20.2, 19.8], abs=0.15)
    assert sent[-1]["text"] == " ".join(f"{seconds:.1f}" for seconds, _ in heard)
    assert sent[-1]["confidence"] == 0.5
