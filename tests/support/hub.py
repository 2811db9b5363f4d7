"""A hub of models on a real socket, which can be slow, broken, busy and wrong as it is told."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Misdeed = Callable[["Request", asyncio.StreamWriter], Awaitable[bool]]
"""Answers a request instead of the hub, and returns True; or False: the hub answers."""


@dataclass(frozen=True)
class Request:
    path: str
    start: int
    """Where the Range begins; 0 without one."""


@dataclass
class Hub:
    repo: str
    files: dict[str, bytes]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    misdeeds: list[Misdeed] = field(default_factory=list)
    """Each is tried with every request until it says True once."""
    small: int = 64
    """Bytes below which a file is no LFS file."""
    deaf_to_ranges: bool = False
    page: int = 1_000
    """Entries of one page of the listing."""

    def cut_off(self, name: str, after: int) -> None:
        """Break the connection, once, after so many bytes of a file."""

        async def misdeed(request: Request, writer: asyncio.StreamWriter) -> bool:
            if f"/cdn/{name}" not in request.path:
                return False
            content = self.files[name][request.start :]
            await respond(
                writer,
                206 if request.start else 200,
                content[:after],
                {"Content-Range": f"bytes {request.start}-"},
                announced=len(content),
            )
            writer.close()
            return True

        self.misdeeds.append(misdeed)

    def fetched(self, name: str) -> list[Request]:
        return [request for request in self.requests if request.path.endswith(f"/{name}")]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                start = 0
                while (header := await reader.readline()) not in {b"\r\n", b""}:
                    name, _, value = header.decode().partition(":")
                    if name.lower() == "range":
                        start = int(value.strip().removeprefix("bytes=").partition("-")[0])
                request = Request(line.decode().split()[1], start)
                self.requests.append(request)
                await self._answer(request, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        for misdeed in self.misdeeds:
            if await misdeed(request, writer):
                self.misdeeds.remove(misdeed)
                return
        path = request.path.partition("?")[0]
        if path.startswith(f"/api/models/{self.repo}/tree/main"):
            await self._list(
                request, writer, path.removeprefix(f"/api/models/{self.repo}/tree/main")
            )
        elif path.startswith(f"/{self.repo}/resolve/main/"):
            place = path.removeprefix(f"/{self.repo}/resolve/main/")
            await respond(writer, 302, b"", {"Location": f"{self.url}/cdn/{place}"})
        elif path.startswith("/cdn/") and path.removeprefix("/cdn/") in self.files:
            await self._give(request, writer, self.files[path.removeprefix("/cdn/")])
        else:
            await respond(writer, 404, b"not found")

    async def _list(self, request: Request, writer: asyncio.StreamWriter, folder: str) -> None:
        inside = folder.strip("/")
        entries = [
            self._entry(path, content)
            for path, content in self.files.items()
            if not inside or path.startswith(f"{inside}/")
        ]
        entries.append({"type": "directory", "path": "deeper", "oid": "0", "size": 0})
        cursor = int(request.path.partition("cursor=")[2] or 0)
        page = entries[cursor : cursor + self.page]
        headers = {}
        if cursor + self.page < len(entries):
            following = f"{request.path.partition('&cursor')[0]}&cursor={cursor + self.page}"
            headers["Link"] = f'<{self.url}{following}>; rel="next"'
        await respond(writer, 200, json.dumps(page).encode(), headers)

    def _entry(self, path: str, content: bytes) -> dict[str, object]:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324
        entry: dict[str, object] = {
            "type": "file", "path": path, "size": len(content), "oid": blob
        }  # fmt: skip
        if len(content) >= self.small:
            sha256 = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
        return entry

    async def _give(self, request: Request, writer: asyncio.StreamWriter, content: bytes) -> None:
        if request.start and not self.deaf_to_ranges:
            if request.start >= len(content):
                await respond(writer, 416, b"")
                return
            span = f"bytes {request.start}-{len(content) - 1}/{len(content)}"
            await respond(writer, 206, content[request.start :], {"Content-Range": span})
        else:
            await respond(writer, 200, content)


async def respond(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    announced: int | None = None,
) -> None:
    """An answer; `announced` bytes where that is not the truth."""
    lines = [f"HTTP/1.1 {status} OK", f"Content-Length: {announced or len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    await writer.drain()


def refuse(part: str, status: int, headers: dict[str, str] | None = None) -> Misdeed:
    """Answer a request whose path holds `part` with a status, once."""

    async def misdeed(request: Request, writer: asyncio.StreamWriter) -> bool:
        if part not in request.path:
            return False
        await respond(writer, status, b"no", headers)
        return True

    return misdeed


@asynccontextmanager
async def serving(hub: Hub) -> AsyncIterator[Hub]:
    """Serve on a free port of this machine."""
    connections: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        await hub.serve(reader, writer)
        connections.discard(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    hub.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield hub
    finally:
        server.close()
        for writer in list(connections):
            writer.close()
        await server.wait_closed()
