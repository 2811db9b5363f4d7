"""Sound on its way out: what a caller hands over, as messages ready to be sent."""

from __future__ import annotations

import asyncio
from binascii import b2a_base64
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from voice_agent.cutting import (
    FORMATS,
    Cutter,
    InputFormat,
    Piece,
    create_cutter,
)
from voice_agent.guessing import guess_format
from voice_agent.start import check_rate

DEFAULT_RATE = 16_000
"""Hz of pcm16 where the caller names none."""

READ_BYTES = 65_536
"""Of a file or a long piece, taken at a time."""

Audio: TypeAlias = (
    bytes | bytearray | memoryview | str | PathLike[str] | Iterable[bytes] | AsyncIterable[bytes]
)


@dataclass(eq=False, slots=True)
class Stream:
    """One stream of sound: what the server gives to one decoder."""

    format: InputFormat
    rate: int
    cutter: Cutter
    begun: bool = False

    def message(self, data: bytes) -> str:
        """An `audio.input`."""
        return _audio_input(data, self.format, self.rate)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message with `ms` of sound. One that `continues` its stream needs what came before."""

    text: str
    ms: float
    stream: Stream | None
    continues: bool


END_OF_STREAM = '{"type":"audio.input","data":{"audio":"","format":"pcm16","sample_rate":16000}}'
"""No sound of another format: the server decodes the rest of a stream, and begins a new one."""


class SoundSender:
    """Turns what callers hand over into messages, and knows which stream is open."""

    def __init__(self) -> None:
        self._stream: Stream | None = None
        self._guessed: InputFormat | None = None

    async def messages(
        self,
        audio: Audio,
        format: InputFormat | None,  # noqa: A002 - the wire's name
        rate: int | None,
    ) -> AsyncGenerator[Outgoing, None]:
        """Of bytes, a file's path, or an iterable of bytes. Raises ValueError, TypeError, OSError.

        Bytes with a `format` may be pieces of a stream that goes on; everything else is whole.
        """
        if format is not None and format not in FORMATS:
            raise ValueError(f"format is {format!r}; known: {', '.join(FORMATS)}")
        check_rate(rate := DEFAULT_RATE if rate is None else rate)
        if isinstance(audio, bytes | bytearray | memoryview):
            data = bytes(audio)
            whole = format is None and self._guess(data) != "pcm16"
            for each in self._bytes(data, format or self._guess(data), rate):
                yield each
        elif isinstance(audio, str | PathLike):
            whole = True
            async for each in self._file(Path(audio), format, rate):
                yield each
        else:
            whole = True
            async for piece in _each(audio):
                for each in self._feed(piece, format or "pcm16", rate):
                    yield each
        if whole:
            for each in self.finish():
                yield each

    def finish(self) -> Iterator[Outgoing]:
        """The rest of the open stream, and its end."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        yield from self._outgoing(stream, stream.cutter.flush())
        if stream.format != "pcm16":
            yield Outgoing(END_OF_STREAM, 0.0, None, continues=False)

    def _guess(self, data: bytes) -> InputFormat:
        """Of bytes without a format. Only heads that can't be samples by chance count."""
        guessed = None
        if data[:3] in {b"RIF", b"Ogg", b"ID3", b"fLa"}:
            guessed = guess_format(data[:4_096])
        if guessed is None and self._guessed is not None:
            raise ValueError(
                f"the bytes before were taken for {self._guessed} by their head; say format= "
                "for pieces of a file, and format='pcm16' for samples"
            )
        self._guessed = guessed
        return guessed or "pcm16"

    def _bytes(self, data: bytes, format: InputFormat, rate: int) -> Iterator[Outgoing]:  # noqa: A002
        if format == "pcm16" and len(data) % 2:
            raise ValueError(f"pcm16 has two bytes a sample, these are {len(data)} bytes")
        for at in range(0, len(data), READ_BYTES):
            yield from self._feed(data[at : at + READ_BYTES], format, rate)

    async def _file(
        self,
        path: Path,
        format: InputFormat | None,  # noqa: A002 - the wire's name
        rate: int,
    ) -> AsyncGenerator[Outgoing, None]:
        file = await asyncio.to_thread(path.open, "rb")
        try:
            data = await asyncio.to_thread(file.read, READ_BYTES)
            format = format or guess_format(data)  # noqa: A001
            if format is None:
                raise ValueError(
                    f"{path.name} does not begin as wav, mp3 or opus; say format='pcm16' and "
                    "sample_rate= if it holds bare samples"
                )
            while data:
                for each in self._feed(data, format, rate):
                    yield each
                data = await asyncio.to_thread(file.read, READ_BYTES)
        finally:
            file.close()

    def _feed(self, data: bytes, format: InputFormat, rate: int) -> Iterator[Outgoing]:  # noqa: A002
        stream = self._stream
        if stream is None or stream.format != format or stream.rate != rate:
            if stream is not None:
                yield from self._outgoing(stream, stream.cutter.flush())
            stream = self._stream = Stream(format, rate, create_cutter(format, rate))
        yield from self._outgoing(stream, stream.cutter.feed(data))

    def _outgoing(self, stream: Stream, pieces: Iterable[Piece]) -> Iterator[Outgoing]:
        for piece in pieces:
            continues, stream.begun = stream.begun, True
            yield Outgoing(stream.message(piece.data), piece.ms, stream, continues)


async def _each(audio: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(audio, AsyncIterable):
        async for piece in audio:
            yield _checked(piece)
    elif isinstance(audio, Iterable):
        for piece in audio:
            yield _checked(piece)
    else:
        raise TypeError(
            f"audio is {type(audio).__name__}; it can be bytes, a path, or an iterable of bytes"
        )


def _checked(piece: object) -> bytes:
    if isinstance(piece, bytes | bytearray | memoryview):
        return bytes(piece)
    raise TypeError(f"audio yielded {type(piece).__name__}, not bytes")


def _audio_input(data: bytes, format: str, rate: int) -> str:  # noqa: A002 - the wire's name
    # Written by hand: nothing in it needs escaping, and it is made fifty times a second.
    return (
        '{"type":"audio.input","data":{"audio":"'
        + b2a_base64(data, newline=False).decode()
        + f'","format":"{format}","sample_rate":{rate}}}}}'
    )
