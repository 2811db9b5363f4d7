"""What a model writes and nobody should hear: thoughts, code, markup, stage directions, links.

`SilentParts` takes out of a stream what goes over many pieces; `spoken_part` cleans one sentence.
What is left is the reply's text, for the voice, the client and the journal alike.
"""

from __future__ import annotations

import html
import re
import unicodedata

_TAGS = (
    "think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad", "analysis",
    "tool_call", "tool_calls", "function_call", "tool_response", "script", "style",
)  # fmt: skip
_SILENT = {f"<{tag}>": f"</{tag}>" for tag in _TAGS} | {"```": "```"}
_OPENING = re.compile("|".join(map(re.escape, _SILENT)), re.IGNORECASE)
_LONGEST = max(map(len, _SILENT))


class SilentParts:
    """Takes the silent parts out of a text that comes in pieces; an open one goes to the end.

    Holds back at most what may be the beginning of a tag, so nothing else comes later for it.
    """

    def __init__(self) -> None:
        self._held = ""
        self._closing = ""

    def push(self, piece: str) -> str:
        """What may go on of `piece` and of what was held back."""
        text, self._held = self._held + piece, ""
        heard: list[str] = []
        while text:
            if self._closing:
                end = text.casefold().find(self._closing)
                if end < 0:
                    self._held = text[-(len(self._closing) - 1) :]
                    break
                text, self._closing = text[end + len(self._closing) :], ""
            elif (opening := _OPENING.search(text)) is not None:
                # The words on its two sides are not one word.
                heard.append(text[: opening.start()] + " ")
                self._closing = _SILENT[opening[0].casefold()]
                text = text[opening.end() :]
            else:
                keep = _unfinished(text)
                heard.append(text[: len(text) - keep])
                self._held = text[len(text) - keep :]
                break
        return "".join(heard)

    def finish(self) -> str:
        """What was held back and turned out to be no tag."""
        rest, self._held = ("" if self._closing else self._held), ""
        return rest


def _unfinished(text: str) -> int:
    """How many of the last characters may be the beginning of a tag."""
    end = text[-_LONGEST + 1 :].casefold()
    for length in range(len(end), 0, -1):
        if any(tag.startswith(end[-length:]) for tag in _SILENT):
            return length
    return 0


_STAGE = (
    r"(?:laugh|giggl|chuckl|smil|grin|sigh|gasp|cough|whisper|paus|nod|wink|shrug|wav(?:es|ing)|clears|"
    r"clap|cheer|cries|crying|yawn|groan|hum(?:s|ming)|sniff|blush|bow(?:s|ing)|beam|frown|"
    r"gently|softly|warmly|happily|excited|sad|happy|angry|breath|exhal|inhal|think(?:s|ing)|"
    r"tone|voice|music|beat|silence|emotion|in an? \w+ (?:tone|voice))"
)
_RULES = tuple(
    (re.compile(pattern, flags), with_)
    for pattern, with_, flags in (
        (r"<\|[^|<>]{0,40}\|>", " ", 0),
        (r"!\[[^\]\n]{0,200}\]\([^)\s]{0,2000}\)", " ", 0),
        (r"\[([^\]\n]{1,200})\]\([^)\n]{0,2000}\)", r"\1", 0),
        (r"</?[A-Za-z][^<>\n]{0,200}>", " ", 0),
        (r"(?:\bgid|\bid: ?gid)://[\w/.-]{1,200}", " ", 0),
        (
            r"<?\b(?:https?://|www\.)[^\s<>)\]]{1,2000}?(?=[.,;:!?]*(?:[\s<>)\]]|$))>?",
            "the link",
            0,
        ),
        (r"\[[a-z][a-z ,'!-]{0,40}\]", " ", re.IGNORECASE),
        (rf"\*{{1,2}}(?:\w+ly )?{_STAGE}[\w' ,-]{{0,40}}\*{{1,2}}", " ", re.IGNORECASE),
        (rf"\((?:\w+ly )?{_STAGE}[\w' ,-]{{0,40}}\)", " ", re.IGNORECASE),
        (r"^\s*(?:[-*•+]|#{1,6}|>|\d{1,2}[.)])\s+", "", 0),
        (r"^[\s|:-]*\|[\s|:-]*$|^\s*\||\|\s*$", " ", 0),
        (r"\s*\|\s*", ", ", 0),
        (r"\*{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w)|`+|~~", "", 0),
        (r"[\s\x00-\x1f]+", " ", 0),
        (r" +(?=[,.;:!?](?:\s|$))", "", 0),
        (r"^[\s,;:]+|\s+$", "", 0),
    )
)


def spoken_part(sentence: str) -> str:
    """`sentence` without what is not for the ear; "" where nothing can be said."""
    text = html.unescape(sentence)
    if not text.isascii():
        text = "".join(" " if _is_pictograph(char) else char for char in text)
    for pattern, with_ in _RULES:
        text = pattern.sub(with_, text)
    return text if any(char.isalnum() for char in text) else ""


def _is_pictograph(char: str) -> bool:
    if char.isascii() or char == "°":
        return False
    return unicodedata.category(char) in {"So", "Sk", "Cs", "Co", "Cn", "Cf"} or (
        "\N{VARIATION SELECTOR-1}" <= char <= "\N{VARIATION SELECTOR-16}"
    )
