"""What a voice should say for a text that was written to be read.

Markup, emoji and stage directions go; prices, units and abbreviations become words. Each character
of the result knows where in the written text it comes from, so that a word's time can be told for
the text that the caller has.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from greenroom.speech.numbers import NUMBER

_PIECE = 400
"""Characters of one piece; a longer text is spoken in several."""


@dataclass(frozen=True, slots=True)
class SpokenText:
    """`text` as it is spoken; `offsets[i]` is where in the written text its character `i` is."""

    text: str
    offsets: tuple[int, ...]

    def pieces(self, limit: int = _PIECE) -> list[SpokenText]:
        """The text in parts of at most `limit` characters, cut after a sentence or a word."""
        out: list[SpokenText] = []
        start = 0
        while len(self.text) - start > limit:
            window = self.text[start : start + limit]
            ends = [m.end() for m in re.finditer(r"[.!?;:]\s+", window)] or [
                m.end() for m in re.finditer(r"\s+", window)
            ]
            end = start + (ends[-1] if ends else limit)
            out.append(self._cut(start, end))
            start = end
        out.append(self._cut(start, len(self.text)))
        return [piece for piece in out if piece.is_spoken]

    def _cut(self, start: int, end: int) -> SpokenText:
        return SpokenText(self.text[start:end], self.offsets[start:end])

    @property
    def is_spoken(self) -> bool:
        """Whether there is anything to say: a letter or a digit."""
        return any(char.isalnum() for char in self.text)

    def written_at(self, i: int) -> int:
        """The place in the written text of character `i`."""
        return self.offsets[max(0, min(i, len(self.offsets) - 1))] if self.offsets else 0


def word_start(text: str, at: int) -> int:
    """Where the word of `text` begins that `at` is in: "dollars" belongs to all of "$89"."""
    while at > 0 and not text[at - 1].isspace():
        at -= 1
    return at


def spoken(written: str) -> SpokenText:
    """What to say for `written`."""
    result = SpokenText(written, tuple(range(len(written))))
    for pattern, replacement in _RULES:
        result = _replace(result, pattern, replacement)
    return result


def _replace(
    before: SpokenText, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]
) -> SpokenText:
    text: list[str] = []
    offsets: list[int] = []
    last = 0
    for match in pattern.finditer(before.text):
        text.append(before.text[last : match.start()])
        offsets += before.offsets[last : match.start()]
        new = replacement(match)
        text.append(new)
        offsets += _spread(before, match, new)
        last = match.end()
    if last == 0:
        return before
    text.append(before.text[last:])
    offsets += before.offsets[last:]
    return SpokenText("".join(text), tuple(offsets))


def _spread(before: SpokenText, match: re.Match[str], new: str) -> list[int]:
    """Where the characters of a replacement come from: those that it kept, from themselves."""
    places = [before.offsets[match.start()]] * len(new)
    at = 0
    for group in range(1, match.re.groups + 1):
        start, end = match.span(group)
        found = new.find(before.text[start:end], at) if end > start else -1
        if found >= 0:
            at = found + end - start
            places[found:at] = before.offsets[start:end]
    # What was added after a kept part belongs to that part.
    return list(accumulate(places, max))


_CURRENCIES = {
    "$": ("dollar", "cent"),
    "£": ("pound", "penny"),
    "€": ("euro", "cent"),
    "¥": ("yen", ""),
    "₹": ("rupee", "paisa"),
}
_PLURALS = {"penny": "pence", "yen": "yen", "paisa": "paise"}
_CODES = {"USD": "$", "GBP": "£", "EUR": "€", "JPY": "¥", "INR": "₹"}
_UNITS = {
    "kg": "kilogram", "g": "gram", "mg": "milligram", "lb": "pound", "lbs": "pound", "oz": "ounce",
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "mi": "mile",
    "ft": "foot", "in": "inch", '"': "inch", "″": "inch", "yd": "yard", "l": "liter", "L": "liter",
    "ml": "milliliter", "mL": "milliliter", "hr": "hour", "hrs": "hour", "min": "minute",
    "mins": "minute", "sec": "second", "ms": "millisecond", "GB": "gigabyte", "MB": "megabyte",
    "TB": "terabyte", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz",
    "W": "watt", "V": "volt", "mAh": "milliamp hour", "pcs": "piece",
    "°": "degree", "°C": "degree Celsius", "°F": "degree Fahrenheit",
    "%": "percent", "mph": "miles per hour", "km/h": "kilometers per hour",
}  # fmt: skip
_UNIT_PLURALS = {
    "foot": "feet", "inch": "inches", "hertz": "hertz", "kilohertz": "kilohertz",
    "megahertz": "megahertz", "gigahertz": "gigahertz", "percent": "percent",
    "miles per hour": "miles per hour", "kilometers per hour": "kilometers per hour",
    "degree Celsius": "degrees Celsius", "degree Fahrenheit": "degrees Fahrenheit",
}  # fmt: skip
_ABBREVIATIONS = {
    "e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "vs.": "versus", "vs": "versus",
    "approx.": "approximately", "incl.": "including", "excl.": "excluding", "w/o": "without",
    "w/": "with", "qty": "quantity", "Qty": "quantity", "No.": "number", "no.": "no.",
    "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "St.": "Saint",
    "XS": "extra small", "XL": "extra large", "XXL": "double extra large", "ASAP": "A S A P",
}  # fmt: skip


def _price(amount: str, sign: str) -> str:
    main, small = _CURRENCIES[sign]
    whole, _, cents = amount.partition(".")
    minor = int(cents) if len(cents) == 2 and small else 0
    if cents and len(cents) != 2:  # "$1.5 million", "$0.005"
        return f"{amount} {_plural(main)}"
    if whole.replace(",", "").strip("0") == "" and minor:
        return _count(str(minor), small)
    said = _count(whole, main)
    return f"{said} and {_count(str(minor), small)}" if minor else said


def _count(number: str, name: str) -> str:
    return f"{number} {name if number == '1' else _plural(name)}"


def _plural(name: str) -> str:
    return _PLURALS.get(name, name + "s")


def _sign_first(match: re.Match[str]) -> str:
    scale = match["scale"] or ""
    amount = match["amount"]
    if scale:
        return f"{amount} {scale.strip()} {_plural(_CURRENCIES[match['sign']][0])}"
    return _price(amount, match["sign"])


def _range(match: re.Match[str]) -> str:
    rises = int(match[1]) < int(match[2])
    return f"{match[1]} to {match[2]}" if rises else match[0]


def _unit(match: re.Match[str]) -> str:
    name = _UNITS[match["unit"]]
    number = match["number"]
    plural = match["hyphen"] != "-" and number != "1"
    said = _UNIT_PLURALS.get(name, name + "s") if plural else name
    return f"{number} {said}"


def _is_pictograph(char: str) -> bool:
    return char not in "°%" and (
        unicodedata.category(char) in {"So", "Sk", "Cs", "Co", "Cn", "Cf"}
        or 0xFE00 <= ord(char) <= 0xFE0F
    )


def _drop_pictographs(match: re.Match[str]) -> str:
    return "".join(" " if _is_pictograph(char) else char for char in match[0])


def _const(text: str) -> Callable[[re.Match[str]], str]:
    return lambda _match: text


def _group(number: int) -> Callable[[re.Match[str]], str]:
    return lambda match: match[number] or ""


_AMOUNT = NUMBER.pattern
_UNIT_NAMES = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_ABBREVIATION_NAMES = "|".join(sorted(map(re.escape, _ABBREVIATIONS), key=len, reverse=True))

_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    # Markup.
    (re.compile(r"```.*?(?:```|\Z)", re.DOTALL), _const(" ")),
    (re.compile(r"!\[[^\]\n]{0,200}\]\([^)\s]{0,2000}\)"), _const(" ")),
    (re.compile(r"\[([^\]\n]{1,200})\]\([^)\n]{0,2000}\)"), _group(1)),
    (re.compile(r"</?[A-Za-z][^<>\n]{0,200}>"), _const(" ")),
    (re.compile(r"\[[a-z][a-z ,'-]{0,40}\]", re.IGNORECASE), _const(" ")),
    (re.compile(r"https?://(?:www\.)?([\w.-]{1,200})[^\s)\]]{0,2000}"), _group(1)),
    (re.compile(r"^[ \t]*(?:[-*•+]|#{1,6}|>|\d{1,2}[.)](?=\s))[ \t]+", re.MULTILINE), _const("")),
    (re.compile(r"^[\s|:-]*\|[\s|:-]*$", re.MULTILINE), _const(" ")),
    (re.compile(r"\s*\|\s*"), _const(", ")),
    (re.compile(r"\*{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w)|`|~~"), _const("")),
    (re.compile(r"[^\x00-\x7f]+"), _drop_pictographs),
    # Money.
    (
        re.compile(
            rf"(?P<sign>[$£€¥₹]) ?(?P<amount>{_AMOUNT})(?P<scale> (?:thousand|million|billion)\b)?"
        ),
        _sign_first,
    ),
    (
        re.compile(rf"\b(?P<code>USD|GBP|EUR|JPY|INR) ?(?P<amount>{_AMOUNT})"),
        lambda m: _price(m["amount"], _CODES[m["code"]]),
    ),
    (
        re.compile(rf"(?P<amount>{_AMOUNT}) ?(?P<code>USD|GBP|EUR|JPY|INR)\b"),
        lambda m: _price(m["amount"], _CODES[m["code"]]),
    ),
    # Figures.
    (
        re.compile(r"\b(dollars?|cents?|pounds?|euros?|rupees?|yen) ?[-–—] ?(?=\d)"),  # noqa: RUF001
        lambda m: f"{m[1]} to ",
    ),
    (re.compile(r"(?<![\w.-])(\d{1,4}) ?[-–—] ?(\d{1,4})(?![\w-])"), _range),  # noqa: RUF001
    (re.compile(r"(\d(?:\.\d)?) ?/ ?(5|10|100)(?![\d/])"), lambda m: f"{m[1]} out of {m[2]}"),
    (re.compile(r"(\d) ?[x×] ?(?=\d)"), lambda m: f"{m[1]} by "),  # noqa: RUF001
    (
        re.compile(
            rf"(?<![\w.])(?P<number>{_AMOUNT})(?P<hyphen>[- ]?)(?P<unit>{_UNIT_NAMES})(?!\w)"
        ),
        lambda m: m[0] if m["hyphen"] == " " and m["unit"] in {"in", '"'} else _unit(m),
    ),
    (re.compile(r"#(?=\d)"), _const("number ")),
    # Abbreviations.
    (
        re.compile(rf"(?<![\w.])(?:{_ABBREVIATION_NAMES})(?!\w)"),
        lambda m: _ABBREVIATIONS[m[0]],
    ),
    (re.compile(r" ?& ?"), _const(" and ")),
    (re.compile(r"(?<=\w)@(?=\w)"), _const(" at ")),
    # Dashes and line ends are pauses.
    (re.compile(r"\s+[–—-]+\s+|—"), _const(", ")),  # noqa: RUF001
    (re.compile(r"(?<=\w)[ \t]*\n\s*"), _const(". ")),
    (re.compile(r"[\s\x00-\x1f]+"), _const(" ")),
    (re.compile(r"^ +| +$"), _const("")),
)
