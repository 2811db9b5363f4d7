"""From the HTML that shops write to text that can be read aloud."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

MAX_HTML = 100_000
"""Characters of HTML that are read; what follows is dropped."""

_SILENT = frozenset({"script", "style", "template", "head", "noscript", "svg", "iframe"})
_BREAKS = frozenset(
    (
        "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset",
        "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li",
        "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul",
    )
)  # fmt: skip
_CELLS = frozenset({"td", "th"})
_TAG = re.compile(r"<[/a-zA-Z][^<>]*>?")
_ENDS_A_SENTENCE = re.compile(r"[.!?:;,…。！？]$")  # noqa: RUF001


def plain_text(html: str, limit: int) -> str:
    """The words of `html` in one line of at most `limit` characters, cut at a word.

    Blocks and list items end in a full stop where they have no mark of their own, so that a voice
    pauses there. Scripts and styles are left out, entities resolved. Broken HTML gives what text
    can be made out; nothing raises.
    """
    reader = _Reader()
    reader.feed(html[:MAX_HTML])
    reader.finish()
    blocks = (" ".join(block.split()) for block in "".join(reader.pieces).split("\0"))
    text = " ".join(_sentence(block) for block in blocks if block)
    if len(text) > limit:
        text = text[: limit - 1].rpartition(" ")[0] or text[: limit - 1]
        text = text.rstrip(" ,;:") + "…"
    return text


def _sentence(block: str) -> str:
    return block if _ENDS_A_SENTENCE.search(block) else block + "."


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent: list[str] = []

    def finish(self) -> None:
        """Take what is left of a text that ends inside a tag, an entity or a script.

        Instead of `close`, which tries anew at each "<" and so takes the square of its length.
        """
        if self.rawdata and not self.rawdata.startswith("<!"):
            self.handle_data(unescape(_TAG.sub(" ", self.rawdata)))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _SILENT:
            self._silent.append(tag)
        elif tag in _BREAKS:
            self.pieces.append("\0")
        elif tag in _CELLS:
            self.pieces.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _BREAKS:
            self.pieces.append("\0")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]
        elif tag in _BREAKS:
            self.pieces.append("\0")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data.replace("\0", " "))
