"""Read a session description that somebody else wrote.

Lines that aren't used are passed over; those that are used must be right. Every list is bounded, so
that a description can cost no more than its length.
"""

from __future__ import annotations

from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.description import Description
from greenroom.rooms.rtc.section_reader import SectionReader

MAX_LENGTH = 1_000_000
MAX_LINE = 4096
MAX_LINES = 32_768


def read(text: str, *, max_sections: int = 64) -> Description:
    """Read a description.

    Raises:
        InvalidDescription: a line that is used can't be read, or there is too much of something.
    """
    bundle: tuple[str, ...] = ()
    session = current = SectionReader()
    sections: list[SectionReader] = []
    for line in _lines(text):
        if line[0] == "m":
            if len(sections) == max_sections:
                raise InvalidDescription(f"more than {max_sections} media sections")
            current = SectionReader.begin(line[2:])
            sections.append(current)
        elif line[0] == "a":
            name, _, value = line[2:].partition(":")
            if current is session and name == "group" and value.startswith("BUNDLE"):
                bundle = tuple(value.split()[1:])
            else:
                current.read(name, value)
    return _checked(Description(tuple(s.section(session) for s in sections), bundle))


def _lines(text: str) -> list[str]:
    if len(text) > MAX_LENGTH:
        raise InvalidDescription("the description is too long")
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if len(lines) > MAX_LINES:
        raise InvalidDescription("the description has too many lines")
    if not lines or lines[0] != "v=0":
        raise InvalidDescription("the description does not begin with v=0")
    for line in lines:
        if len(line) > MAX_LINE or line[1:2] != "=" or "\r" in line:
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
