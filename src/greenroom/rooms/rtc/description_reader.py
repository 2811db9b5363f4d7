"""Read session descriptions that somebody else wrote.

Lines that aren't used are passed over; those that are used must be right. Every list is bounded, so
that a description can cost no more than its length.
"""

from __future__ import annotations

from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.description import Description, Section
from greenroom.rooms.rtc.section_reader import SectionReader

MAX_LENGTH = 1_000_000
MAX_LINE = 4096
MAX_LINES = 12_288  # of 64 sections of a browser's, with room to spare


def read(text: str, *, max_sections: int = 64) -> Description:
    """Read one description. Raises InvalidDescription."""
    return DescriptionReader(max_sections).read(text)


class DescriptionReader:
    """Reads the descriptions of one connection.

    Each repeats nearly all of the one before: a section whose text is the same is not read again
    but is the same object.
    """

    def __init__(self, max_sections: int = 64) -> None:
        self._max_sections = max_sections
        self._inherited: list[str] = []
        self._known: dict[str, Section] = {}

    def read(self, text: str) -> Description:
        """Read a description.

        Raises:
            InvalidDescription: a line that is used can't be read, or there is too much of
                something.
        """
        head, *texts = _split(text)
        if len(texts) > self._max_sections:
            raise InvalidDescription(f"more than {self._max_sections} media sections")
        bundle, inherited = _read_head(head)
        known = self._known if inherited == self._inherited else {}
        session = SectionReader()
        _read_attributes(session, inherited)
        sections = [known.get(one) or _read_section(one, session) for one in texts]
        description = _checked(Description(tuple(sections), bundle))
        self._inherited, self._known = inherited, dict(zip(texts, sections, strict=True))
        return description


def _split(text: str) -> list[str]:
    """What stands before the first m-line, and each section from behind its `m=`."""
    if len(text) > MAX_LENGTH:
        raise InvalidDescription("the description is too long")
    text = text.replace("\r\n", "\n")
    if "\r" in text or text.count("\n") >= MAX_LINES:
        raise InvalidDescription(
            "the description has too many lines, or none that end as they should"
        )
    return text.rstrip("\n").split("\nm=")


def _read_head(head: str) -> tuple[tuple[str, ...], list[str]]:
    """The bundle, and the attribute lines that the sections inherit."""
    lines = _lines(head)
    if not lines or lines[0] != "v=0":
        raise InvalidDescription("the description does not begin with v=0")
    bundle: tuple[str, ...] = ()
    inherited: list[str] = []
    for line in lines:
        if line.startswith("a=group:BUNDLE"):
            bundle = tuple(line.split()[1:])
        elif line[0] == "a":
            inherited.append(line)
    return bundle, inherited


def _read_section(text: str, session: SectionReader) -> Section:
    media, _, rest = text.partition("\n")
    section = SectionReader.begin(media)
    _read_attributes(section, _lines(rest))
    return section.section(session)


def _read_attributes(section: SectionReader, lines: list[str]) -> None:
    for line in lines:
        if line[0] == "a":
            name, _, value = line[2:].partition(":")
            section.read(name, value)


def _lines(text: str) -> list[str]:
    lines = [line for line in text.split("\n") if line]
    for line in lines:
        if len(line) > MAX_LINE or line[1:2] != "=":
            raise InvalidDescription(f"not a line of a description: {line[:40]!r}")
    return lines


def _checked(description: Description) -> Description:
    if not description.sections:
        raise InvalidDescription("there is no media section")
    mids = [section.mid for section in description.sections if section.mid]
    if len(set(mids)) != len(mids):
        raise InvalidDescription("two media sections have one mid")
    if len(set(description.bundle)) != len(description.bundle):
        raise InvalidDescription("a mid is twice in the bundle group")
    return description
