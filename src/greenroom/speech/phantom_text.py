"""Text that a neural recogniser made up: models of Whisper's kind write something for any sound.

What they write where nobody spoke is known: ends of videos and credits of subtitles, which they
learnt from, or one phrase over and over.
"""

from __future__ import annotations

import re
import zlib

_KNOWN_TEXT = """
    thank you|thank you very much|thank you so much|thanks|thanks for watching|you|bye|bye bye
    thank you for watching|thank you so much for watching|thanks for listening|okay|oh|so|the
    thank you for listening|please subscribe|please subscribe to my channel|like and subscribe
    don't forget to subscribe|see you next time|see you in the next video|i'll see you next time
    i'm sorry|yeah|hmm|mm|uh|music|applause|silence|blank audio|inaudible|foreign
"""
_KNOWN = frozenset(phrase.strip() for phrase in _KNOWN_TEXT.strip().replace("\n", "|").split("|"))
"""People say them too: they are dropped only where the recogniser's evidence is weak."""
_CREDITS = re.compile(
    r"amara\.? ?org|^(?:subtitles?|captions?|transcri(?:bed|pt|ption)|translated) by\b",
    re.IGNORECASE,
)
_MAX_WORDS_A_SECOND = 9.0
"""The quickest talkers say 6; short words in a short sound are granted some more."""
_MAX_COMPRESSION = 2.4
"""Whisper's own bound of length to zlib's length; for texts long enough to tell."""
_LONG = 80


def is_phantom(text: str, seconds: float, *, weak: bool) -> bool:
    """Whether `text` is not what was said in `seconds` of sound.

    `weak`: the recogniser doubts that it is speech, or the sound is hardly louder than silence.
    """
    words = re.findall(r"[\w']+", text.casefold())
    if not words or _CREDITS.search(text):
        return True
    if len(words) > 4 + _MAX_WORDS_A_SECOND * seconds:
        return True
    if weak and " ".join(words) in _KNOWN:
        return True
    return _repeats(words) or _compresses(text)


def _repeats(words: list[str]) -> bool:
    """Whether most of it is one phrase of up to eight words over and over."""
    for size in range(1, 9):
        enough = 8 if size == 1 else 5
        run = longest = 0
        for i in range(size, len(words)):
            run = run + 1 if words[i] == words[i - size] else 0
            longest = max(longest, run)
        repeated = longest + size  # the words of the longest run, with its first round
        if repeated >= enough * size and repeated * 3 >= len(words) * 2:
            return True
    return False


def _compresses(text: str) -> bool:
    raw = text.encode()
    return len(raw) >= _LONG and len(raw) / len(zlib.compress(raw)) > _MAX_COMPRESSION
