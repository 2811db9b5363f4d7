"""A server of chat completions that streams exactly the pieces it is given, and breaks when told.

async with chat_stream([[text("Hello."), END]], [BREAK]) as (url, bodies): ...

Each list is the answer of one request; the last is given again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

BREAK = "break"
"""The connection is reset."""
HANG = "hang"
"""Nothing comes any more."""


def delta(**fields: Any) -> str:
    """One piece of an answer."""
    return _event({"index": 0, "delta": fields, "finish_reason": None})


def text(content: str) -> str:
    """A piece of text."""
    return delta(role="assistant", content=content)


def call(name: str, arguments: str, index: int = 0) -> str:
    """A tool call with its arguments as they are, whole or not."""
    function = {"name": name, "arguments": arguments}
    tool = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
    return delta(role="assistant", tool_calls=[tool])


def end(reason: str = "stop") -> str:
    """The end of an answer."""
    return _event({"index": 0, "delta": {}, "finish_reason": reason}) + "data: [DONE]\n\n"


def _event(choice: dict[str, Any]) -> str:
    data = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "local"}
    return f"data: {json.dumps(data | {'choices': [choice]})}\n\n"


@asynccontextmanager
async def chat_stream(
    *answers: Sequence[str],
) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """The base URL, and the bodies of the requests as they come."""
    left = list(answers)
    bodies: list[dict[str, Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode().casefold():
                length = int(head.partition("content-length: ")[2].partition("\r")[0])
                bodies.append(json.loads(await reader.readexactly(length)))
                answer = left.pop(0) if len(left) > 1 else left[0]
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                    b"transfer-encoding: chunked\r\n\r\n"
                )
                for piece in answer:
                    if piece == BREAK:
                        writer.transport.abort()
                        return
                    if piece == HANG:
                        await reader.read()
                        return
                    data = piece.encode()
                    writer.write(b"%x\r\n%s\r\n" % (len(data), data))
                    await writer.drain()
                writer.write(b"0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has left
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1", bodies
    finally:
        server.close()
        await server.wait_closed()
