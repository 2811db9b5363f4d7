"""The plainest way for two clients to hear each other in Python: a WebSocket relay of raw samples.

`python relay.py` prints a JSON line with its URL, and answers each line on standard input with its
CPU seconds, as `room_server.py` does. A client connects to `/<room>`; what it sends, 20 ms at once
in 16-bit samples at 48 kHz, goes to the others of the room as it comes.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections import defaultdict

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

rooms: dict[str, set[ServerConnection]] = defaultdict(set)


async def relay(socket: ServerConnection) -> None:
    assert socket.request is not None
    room = rooms[socket.request.path]
    room.add(socket)
    try:
        async for frame in socket:
            for other in room:
                if other is not socket:
                    await other.send(frame)
    except ConnectionClosed:
        pass
    finally:
        room.discard(socket)


async def main() -> None:
    async with serve(relay, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(json.dumps({"url": f"ws://127.0.0.1:{port}"}), flush=True)
        stdin = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin
        )
        while await stdin.readline():
            used = resource.getrusage(resource.RUSAGE_SELF)
            print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime}), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
