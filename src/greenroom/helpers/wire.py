"""The protocol between the server and a helper process: frames over the helper's stdin and stdout.

A frame is `header length` and `payload length` (two unsigned 32-bit big-endian integers), the
header (a JSON object, UTF-8) and the payload (raw bytes; 16-bit little-endian samples where it is
sound). No I/O here, and nothing but the standard library: both sides use it, and a helper that
hosts a library under another licence imports nothing else of Greenroom than this and `child`.

Keys that every protocol over these frames shares:

- the helper's first frame is its greeting, `{"hello": NAME, ...}`; it tells what the helper can do;
- the server's `{"op": "ping"}` is answered by `{"pong": true}`: the helper is not stuck;
- `id` (integer) names a call; the server chooses it, and every frame of a call carries it;
- the server's frames say `op`: what is asked; `{"op": "cancel", "id": N}` takes a call back;
- the helper's last frame of a call has `"end": true`, and `error` (a sentence) if it failed.
  A cancelled call gets no frame after the helper has read the cancel, not even an end.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

MAX_HEADER = 64 * 1024
"""Bytes."""
MAX_PAYLOAD = 8 * 1024 * 1024
"""Bytes."""

_LENGTHS = struct.Struct("!II")


class WireError(Exception):
    """Bytes that are no frame. The stream can't be followed any further."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message. `header` holds JSON values only."""

    header: dict[str, Any]
    payload: bytes = b""


def encode(header: dict[str, Any], payload: bytes | memoryview = b"") -> bytes:
    """The bytes of a frame. Raises WireError for one that the other side would refuse."""
    head = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    if len(head) > MAX_HEADER or len(payload) > MAX_PAYLOAD:
        raise WireError(f"frame of {len(head)} + {len(payload)} bytes is over the limit")
    return b"".join((_LENGTHS.pack(len(head), len(payload)), head, payload))


class FrameReader:
    """Bytes in, frames out. Holds at most one frame's bytes beyond those of the last `feed`."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now. Raises WireError, and is of no more use then."""
        self._buffer += data
        frames: list[Frame] = []
        start = 0
        while len(self._buffer) - start >= _LENGTHS.size:
            head, body = _LENGTHS.unpack_from(self._buffer, start)
            if head > MAX_HEADER or body > MAX_PAYLOAD:
                raise WireError(f"a frame of {head} + {body} bytes is announced")
            middle = start + _LENGTHS.size + head
            end = middle + body
            if len(self._buffer) < end:
                break
            header = _parse(bytes(self._buffer[start + _LENGTHS.size : middle]))
            frames.append(Frame(header, bytes(self._buffer[middle:end])))
            start = end
        del self._buffer[:start]
        return frames


def _parse(head: bytes) -> dict[str, Any]:
    try:
        header = json.loads(head)
    except ValueError as error:
        raise WireError(f"a frame's header is no JSON: {error}") from error
    if not isinstance(header, dict):
        raise WireError("a frame's header is no JSON object")
    return header
