"""What a file is, by its first bytes."""

from __future__ import annotations

from voice_agent.cutting import InputFormat
from voice_agent.mp3_frames import find_frame, id3_size


def guess_format(head: bytes) -> InputFormat | None:
    """The format of a file whose first bytes (some thousand) these are; None: unknown.

    Raises ValueError for formats that the API does not carry.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"OggS":
        if b"OpusHead" not in head[:128]:
            raise ValueError("this is Ogg, but not Opus; convert it to opus, mp3 or wav")
        return "opus"
    for magic, name in ((b"fLaC", "FLAC"), (b"\x1aE\xdf\xa3", "WebM or Matroska")):
        if head.startswith(magic):
            raise ValueError(f"this is {name}; convert it to opus (in Ogg), mp3 or wav")
    if id3_size(head) or _begins_with_frames(head):
        return "mp3"
    return None


def _begins_with_frames(head: bytes) -> bool:
    """Two frames in a row: one header alone may be chance."""
    first = find_frame(head[:4], 0)
    if first is None or len(head) < first.end + 4:
        return False
    second = find_frame(head[: first.end + 4], first.end)
    return second is not None and second.at == first.end
