"""Transcripts as files."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from greenroom.api.duplex.exports import export
from greenroom.duplex.ports import API, Persona, Said, TrackedSession
from greenroom.sessions.model import Session, Status

SESSION = Session("s1", API, "default", Status.COMPLETED, datetime(2026, 2, 15, tzinfo=UTC))


def exported(kind: str, *transcript: Said) -> str:
    return export(TrackedSession(SESSION, Persona("NATF0.pt"), transcript), kind).content.decode()


TALK = (
    Said("ai", "Hello!\n\nWho are you?", 0.0, 1.5),
    Said("user", "I am <b>Bob</b> & sons --> here", 2.3),
    Said("ai", "Nice.", 3_725.0004),
)


def test_srt_has_numbered_cues_without_empty_lines() -> None:
    assert exported("srt", *TALK) == (
        "1\n00:00:00,000 --> 00:00:01,500\nAI: Hello! Who are you?\n\n"
        "2\n00:00:02,300 --> 00:00:04,470\nUser: I am <b>Bob</b> & sons -> here\n\n"
        "3\n01:02:05,000 --> 01:02:06,000\nAI: Nice.\n\n"
    )


def test_vtt_names_who_speaks_and_escapes_what_would_be_markup() -> None:
    assert exported("vtt", *TALK) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.500\n<v AI>Hello! Who are you?\n\n"
        "00:00:02.300 --> 00:00:04.470\n"
        "<v User>I am &lt;b&gt;Bob&lt;/b&gt; &amp; sons --&gt; here\n\n"
        "01:02:05.000 --> 01:02:06.000\n<v AI>Nice.\n\n"
    )


def test_an_entry_of_unknown_length_ends_where_the_next_begins() -> None:
    text = "a sentence that would take three seconds"
    cues = exported("vtt", Said("ai", text, 1.0), Said("user", "yes", 1.5)).split("\n\n")
    assert cues[1].startswith("00:00:01.000 --> 00:00:01.500\n")
    # Who begins at the same moment is shown beside.
    cues = exported("vtt", Said("ai", "yes", 1.0), Said("user", "no", 1.0)).split("\n\n")
    assert cues[1].startswith("00:00:01.000 --> 00:00:02.000\n")


def test_text_is_a_line_for_each_entry() -> None:
    assert exported("txt", TALK[2]) == "AI: Nice.\n"


def test_json_has_what_is_known_of_each_entry() -> None:
    assert orjson.loads(exported("json", *TALK[:2])) == {
        "session_id": "s1",
        "status": "completed",
        "transcript": [
            {"speaker": "ai", "text": "Hello!\n\nWho are you?", "t": 0.0, "duration": 1.5},
            {
                "speaker": "user",
                "text": "I am <b>Bob</b> & sons --> here",
                "t": 2.3,
                "duration": None,
            },
        ],
        "word_count": 11,
    }


def test_nothing_said_is_an_empty_file_of_its_kind() -> None:
    assert (exported("txt"), exported("srt"), exported("vtt")) == ("", "", "WEBVTT\n\n")
