"""LiveKit's text streams: a header packet, chunks of UTF-8, a trailer, put together again.

Both versions are read: the second may carry the whole text in its header, and may compress it (raw
DEFLATE, RFC 1951). The first is written, since every client reads it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from livekit.protocol.models import DataStream

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.ports import TextReceived

CHUNK_BYTES = 15_000
"""Largest chunk, so that a packet stays below what every data channel carries."""


def split_text(text: str, limit: int = CHUNK_BYTES) -> Iterator[bytes]:
    """`text` as UTF-8 in pieces of at most `limit` bytes (at least 4), none within a character."""
    data = text.encode("utf-8", "replace")
    start = 0
    while start < len(data):
        end = min(start + limit, len(data))
        # Bytes 10xxxxxx go on with a character that began before them.
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[start:end]
        start = end


@dataclass(slots=True)
class _Open:
    """A stream whose trailer has not come."""

    topic: str
    attributes: dict[str, str]
    total: int | None
    inflate: zlib._Decompress | None
    deadline: float
    chunks: int = 0
    data: bytearray = field(default_factory=bytearray)


class TextStreams:
    """Puts the text streams of a room's participants together.

    What doesn't fit is dropped and counted in `dropped`: a text above `max_bytes`, more than
    `max_open` streams of one participant, a chunk missing, text that isn't UTF-8, a stream that
    its sender gave up, or one of which nothing came for `idle` seconds.
    """

    def __init__(
        self,
        on_text: Callable[[TextReceived], None],
        clock: Clock,
        *,
        max_bytes: int = 1_048_576,
        max_open: int = 16,
        idle: float = 30.0,
    ) -> None:
        self._on_text, self._clock = on_text, clock
        self._max_bytes, self._max_open, self._idle = max_bytes, max_open, idle
        self._open: dict[str, dict[str, _Open]] = {}
        self._timer: Timer | None = None
        self.dropped = 0

    @property
    def open(self) -> int:
        """Streams that are not complete."""
        return sum(map(len, self._open.values()))

    def header(self, identity: str, header: DataStream.Header) -> None:
        """A stream begins; byte streams are left alone."""
        if not header.HasField("text_header"):
            return
        mine = self._open.setdefault(identity, {})
        total = header.total_length if header.HasField("total_length") else None
        if (
            header.stream_id in mine
            or len(mine) >= self._max_open
            or (total is not None and total > self._max_bytes)
        ):
            self._drop(identity)
            return
        stream = _Open(
            header.topic,
            dict(header.attributes),
            total,
            zlib.decompressobj(-zlib.MAX_WBITS)
            if header.compression == DataStream.CompressionType.DEFLATE_RAW
            else None,
            self._clock.time() + self._idle,
        )
        if header.HasField("inline_content"):
            # Complete: neither chunks nor a trailer follow.
            if self._add(stream, header.inline_content):
                self._finish(identity, stream)
            else:
                self._drop(identity)
            return
        mine[header.stream_id] = stream
        self._arm()

    def chunk(self, identity: str, chunk: DataStream.Chunk) -> None:
        """More of a stream; of an unknown one, nothing."""
        mine = self._open.get(identity, {})
        stream = mine.get(chunk.stream_id)
        if stream is None or chunk.chunk_index < stream.chunks:
            return  # A chunk that came before is sent again after a reconnect.
        size = len(stream.data)
        if (
            chunk.chunk_index > stream.chunks
            or not self._add(stream, chunk.content)
            or self._held(identity) > 2 * self._max_bytes
        ):
            del mine[chunk.stream_id]
            self._drop(identity)
            return
        stream.chunks += 1
        if len(stream.data) > size:
            stream.deadline = self._clock.time() + self._idle

    def trailer(self, identity: str, trailer: DataStream.Trailer) -> None:
        """A stream is complete, or was given up."""
        stream = self._open.get(identity, {}).pop(trailer.stream_id, None)
        if stream is None:
            return
        if trailer.reason:
            self._drop(identity)
            return
        stream.attributes.update(trailer.attributes)
        self._finish(identity, stream)

    def forget(self, identity: str) -> None:
        """The participant has gone, and what it began."""
        self.dropped += len(self._open.pop(identity, ()))

    def close(self) -> None:
        """Nothing more comes."""
        self._open.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _add(self, stream: _Open, content: bytes) -> bool:
        room = self._max_bytes - len(stream.data)
        if stream.inflate is not None:
            try:
                # One byte more than there is room for tells of too much.
                content = stream.inflate.decompress(content, room + 1)
            except zlib.error:
                return False
        if len(content) > room:
            return False
        stream.data += content
        return stream.total is None or len(stream.data) <= stream.total

    def _held(self, identity: str) -> int:
        return sum(len(stream.data) for stream in self._open[identity].values())

    def _finish(self, identity: str, stream: _Open) -> None:
        if not self._open.get(identity, True):
            del self._open[identity]
        try:
            text = stream.data.decode()
        except UnicodeDecodeError:
            self.dropped += 1
            return
        if stream.total is not None and len(stream.data) != stream.total:
            self.dropped += 1
            return
        self._on_text(TextReceived(identity, text, stream.topic, stream.attributes))

    def _drop(self, identity: str) -> None:
        self.dropped += 1
        if not self._open.get(identity, True):
            del self._open[identity]

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self._clock.call_at(self._clock.time() + self._idle, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self._clock.time()
        for identity, mine in list(self._open.items()):
            for stream_id in [s for s, stream in mine.items() if stream.deadline <= now]:
                del mine[stream_id]
                self.dropped += 1
            if not mine:
                del self._open[identity]
        if self._open:
            soonest = min(s.deadline for mine in self._open.values() for s in mine.values())
            self._timer = self._clock.call_at(soonest, self._sweep)
