"""Talks through an avatar: gets a session in two steps, then sends WAV files to it.

Settings come from the environment or from `.env`; `.env.example` has them all.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sys
import threading
import time
import uuid
import wave
from array import array
from collections.abc import Iterator
from typing import Any

import httpx
from dotenv import load_dotenv
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

CHUNK_SECONDS = 0.5
CHUNK_PAUSE = 0.1
"""Seconds between chunks: sound is sent faster than it plays, as a TTS service gives it."""
HEARTBEAT_SECONDS = 5.0
DEFAULT_FILE = "input.wav"
REQUIRED = ("API_KEY", "AVATAR_ID", "AGORA_APP_ID", "AGORA_TOKEN", "AGORA_CHANNEL", "AGORA_UID")


def setting(name: str, default: str = "") -> str:
    """A variable; an empty one counts as not set."""
    return os.environ.get(name) or default


def token_request() -> dict[str, Any]:
    """The body of the first step."""
    missing = [name for name in REQUIRED if not setting(name)]
    if missing:
        sys.exit(f"Set {', '.join(missing)} in the environment or in .env")
    environment: dict[str, Any] = {
        "agoraSettings": {
            "appId": setting("AGORA_APP_ID"),
            "token": setting("AGORA_TOKEN"),
            "channel": setting("AGORA_CHANNEL"),
            "uid": setting("AGORA_UID"),
            "quality": setting("VIDEO_QUALITY", "high"),
            "videoEncoding": setting("VIDEO_ENCODING", "H264"),
            "enableStringUids": setting("ENABLE_STRING_UIDS", "false").lower() == "true",
            "activityIdleTimeout": float(setting("ACTIVITY_IDLE_TIMEOUT", "120")),
        }
    }
    if setting("ANAM_CLUSTER"):
        environment["cluster"] = setting("ANAM_CLUSTER")
    if setting("ANAM_POD"):
        environment["podName"] = setting("ANAM_POD")
    return {"personaConfig": {"avatarId": setting("AVATAR_ID")}, "environment": environment}


async def post(client: httpx.AsyncClient, path: str, token: str, body: Any) -> dict[str, Any]:
    """Ask the API; ends the program where it refuses."""
    answer = await client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
    if answer.is_error:
        sys.exit(f"POST {path}: {answer.status_code} {answer.text}")
    found: dict[str, Any] = answer.json()
    return found


def chunks(path: str) -> Iterator[tuple[bytes, int]]:
    """The sound of a WAV file, mono, in pieces, with its rate in Hz."""
    with wave.open(path, "rb") as file:
        if file.getsampwidth() != 2:
            raise wave.Error("only 16 bit samples can be sent")
        rate, channels = file.getframerate(), file.getnchannels()
        while data := file.readframes(round(rate * CHUNK_SECONDS)):
            # The first channel; both WAV and the wire are little-endian.
            samples = array("H", data)[::channels] if channels > 1 else array("H", data)
            yield samples.tobytes(), rate


class Session:
    """One session's WebSocket, and what goes over it."""

    def __init__(self, socket: ClientConnection, session_id: str) -> None:
        self._socket = socket
        self._session_id = session_id
        self._speaking: asyncio.Task[None] | None = None

    async def send(self, command: str, **fields: Any) -> None:
        """Send a command with an id of its own."""
        message = {"command": command, **fields, "event_id": str(uuid.uuid4())}
        await self._socket.send(json.dumps(message))

    async def begin(self) -> None:
        """The first command."""
        await self.send("init", sessionId=self._session_id)

    async def show_messages(self) -> None:
        """Print what the server says, until the connection ends."""
        async for message in self._socket:
            frame = json.loads(message)
            if frame.get("command") != "heartbeat_ack":
                print(f"<< {json.dumps(frame)}")

    async def beat(self) -> None:
        """Keep the connection."""
        while True:
            await self.send("heartbeat", timestamp=round(time.time() * 1000))
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def speak(self, path: str) -> None:
        """Begin to send a file; one that is being sent is not sent on."""
        self.hush()
        self._speaking = asyncio.create_task(self._send_file(path))

    def hush(self) -> None:
        """Send no more of the file."""
        if self._speaking is not None:
            self._speaking.cancel()
            self._speaking = None

    async def _send_file(self, path: str) -> None:
        seconds = 0.0
        try:
            for audio, rate in chunks(path):
                await self.send(
                    "voice",
                    audio=base64.b64encode(audio).decode(),
                    sample_rate=rate,
                    encoding="PCM16",
                )
                seconds += len(audio) / 2 / rate
                await asyncio.sleep(CHUNK_PAUSE)
        except (OSError, EOFError, wave.Error) as error:
            print(f"{path}: {error}")
            return
        await self.send("voice_end")
        print(f"Sent {path}: {seconds:.1f} s")

    async def obey(self, line: str) -> bool:
        """Act on what was typed; False to quit."""
        command, _, rest = line.strip().partition(" ")
        match command:
            case "f":
                self.speak(rest.strip() or DEFAULT_FILE)
            case "i":
                self.hush()
                await self.send("voice_interrupt")
                print("Interrupted")
            case "q":
                return False
            case "":
                pass
            case _:
                print("f [file]: send a WAV file, i: interrupt, q: quit")
        return True


def typed_lines() -> asyncio.Queue[str]:
    """What is typed, line by line; the end of the input counts as `q`."""
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "q")

    # A thread that nobody waits for: a program can't be made to wake from reading a terminal.
    threading.Thread(target=read, daemon=True).start()
    return lines


async def talk(session: Session) -> None:
    """Take commands until `q`, or until the server ends the connection."""
    await session.begin()
    lines = typed_lines()
    background = [
        asyncio.create_task(session.show_messages()),
        asyncio.create_task(session.beat()),
    ]
    try:
        while True:
            print(">> ", end="", flush=True)
            line = asyncio.create_task(lines.get())
            await asyncio.wait([line, *background], return_when=asyncio.FIRST_COMPLETED)
            if not line.done():
                line.cancel()
                print("The server has ended the connection")
                return
            if not await session.obey(line.result()):
                return
    finally:
        session.hush()
        for task in background:
            task.cancel()
        for result in await asyncio.gather(*background, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, ConnectionClosed):
                print(f"Failed: {result!r}")


async def main() -> None:
    """Both steps, the conversation, and the end of the session."""
    load_dotenv()
    request = token_request()
    api_key = setting("API_KEY")
    async with httpx.AsyncClient(
        base_url=setting("BASE_URL", "http://localhost:8764"), timeout=30
    ) as client:
        token = (await post(client, "/auth/session-token", api_key, request))["sessionToken"]
        started = await post(client, "/engine/session", token, {})
        session_id = started["sessionId"]
        print(f"Session {session_id}")
        try:
            # The address holds the credentials: no header must be set.
            async with connect(started["websocketAddress"]) as socket:
                print("Connected. f [file]: send a WAV file, i: interrupt, q: quit")
                with contextlib.suppress(ConnectionClosed):
                    await talk(Session(socket, session_id))
        finally:
            answer = await client.post(
                f"/engine/session/{session_id}/kill",
                json={"sessionId": session_id},
                headers={"Authorization": f"Bearer {api_key}"},
            )
            # Not found: it has ended before.
            print("Session ended" if answer.status_code in (200, 404) else answer.text)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
