"""Bounds of what clients may name and say; figures not in the settings are LiveKit's defaults."""

from __future__ import annotations

from collections.abc import Mapping

from greenroom.errors import InvalidInput

MAX_NAME_LENGTH = 256
"""Characters of a room's name, an identity, a participant's name, a track's name."""

MAX_METADATA_BYTES = 65_536
"""Of a participant or a room, as UTF-8."""

MAX_ATTRIBUTES_BYTES = 65_536
"""All keys and values of a participant together, as UTF-8."""

MAX_ATTRIBUTES = 256
"""How many a participant may have."""

MAX_LAYERS = 4
"""Video layers that a track may declare."""

MAX_CHOICES = 1_024
"""Tracks about which a participant may have said that it wants them or not."""


def check_name(field: str, value: str) -> None:
    """Raise InvalidInput where a name is empty or too long."""
    if not value:
        raise InvalidInput(field, "is empty")
    check_length(field, value)


def check_length(field: str, value: str) -> None:
    """Raise InvalidInput where a name, which may be empty, is too long."""
    if len(value) > MAX_NAME_LENGTH:
        raise InvalidInput(field, "is too long", f"at most {MAX_NAME_LENGTH} characters")


def check_metadata(value: str) -> None:
    """Raise InvalidInput where metadata are too large."""
    if len(value.encode(errors="replace")) > MAX_METADATA_BYTES:
        raise InvalidInput("metadata", "is too large", f"at most {MAX_METADATA_BYTES} bytes")


def check_attributes(attributes: Mapping[str, str]) -> None:
    """Raise InvalidInput where attributes are too many or too large."""
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidInput("attributes", "are too many", f"at most {MAX_ATTRIBUTES}")
    size = sum(
        len(key.encode(errors="replace")) + len(value.encode(errors="replace"))
        for key, value in attributes.items()
    )
    if size > MAX_ATTRIBUTES_BYTES:
        raise InvalidInput("attributes", "are too large", f"at most {MAX_ATTRIBUTES_BYTES} bytes")


def merged(attributes: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """`attributes` with `changes`; an empty value removes one. Raises InvalidInput."""
    result = {**attributes, **changes}
    result = {key: value for key, value in result.items() if value}
    check_attributes(result)
    return result
