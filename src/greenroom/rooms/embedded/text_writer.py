"""Writes a LiveKit text stream, version 1."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence

from livekit.protocol.models import DataPacket, DataStream

from greenroom.rooms.embedded.text_streams import split_text

SendPacket = Callable[[DataPacket], None]
"""Sends a reliable packet to those whom it names. Raises RoomIsClosed."""


class EmbeddedTextWriter:
    """A `rooms.ports.TextWriter`. The header leaves when it is made.

    `timestamp` is wall-clock time in milliseconds; `total` the length in bytes, where the text is
    known already.
    """

    def __init__(
        self,
        send: SendPacket,
        *,
        topic: str,
        timestamp: int,
        attributes: Mapping[str, str],
        to: Sequence[str],
        sender: str,
        total: int | None = None,
    ) -> None:
        self._send, self._to, self._sender = send, tuple(to), sender
        self._id = str(uuid.uuid4())
        self._chunks = 0
        self._closed = False
        header = DataStream.Header(
            stream_id=self._id,
            timestamp=timestamp,
            topic=topic,
            mime_type="text/plain",
            attributes=dict(attributes),
            text_header=DataStream.TextHeader(operation_type=DataStream.OperationType.CREATE),
        )
        if total is not None:
            header.total_length = total
        self._send(self._packet(stream_header=header))

    async def write(self, text: str) -> None:
        """Send more of the text; nothing after `close`."""
        if self._closed:
            return
        for piece in split_text(text):
            chunk = DataStream.Chunk(stream_id=self._id, chunk_index=self._chunks, content=piece)
            self._chunks += 1
            self._send(self._packet(stream_chunk=chunk))

    async def close(self, attributes: Mapping[str, str] | None = None) -> None:
        """The text is complete. Harmless twice."""
        if self._closed:
            return
        self._closed = True
        trailer = DataStream.Trailer(stream_id=self._id, attributes=dict(attributes or {}))
        self._send(self._packet(stream_trailer=trailer))

    def _packet(
        self,
        stream_header: DataStream.Header | None = None,
        stream_chunk: DataStream.Chunk | None = None,
        stream_trailer: DataStream.Trailer | None = None,
    ) -> DataPacket:
        return DataPacket(
            participant_identity=self._sender,
            destination_identities=self._to,
            stream_header=stream_header,
            stream_chunk=stream_chunk,
            stream_trailer=stream_trailer,
        )
