"""Talks to a duplex session from the terminal: a WAV file is what the person says."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import wave
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import sphn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

RATE = 24_000
"""Hz of the protocol's streams."""
FRAME = 1_920
"""Samples of a message: 80 ms."""
HANDSHAKE, AUDIO, TEXT, METADATA, ERROR = 0, 1, 2, 4, 5


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="a WAV file, 16 bit")
    parser.add_argument("--server", default="http://127.0.0.1:8080")
    parser.add_argument("--key", default=os.environ.get("GREENROOM_API_KEY", ""))
    parser.add_argument("--voice", default="NATF2.pt")
    parser.add_argument("--prompt", default="You are a friendly interviewer.")
    parser.add_argument("--listen", type=float, default=10.0, help="seconds after the file")
    parser.add_argument("--save", type=Path, help="an .ogg file for the AI's voice")
    return parser.parse_args()


def read_wav(path: Path) -> npt.NDArray[np.float32]:
    """A WAV file as mono at RATE, -1 to 1, in whole messages."""
    with wave.open(str(path)) as file:
        if file.getsampwidth() != 2:
            sys.exit(f"{path} is not of 16 bit")
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        channels, rate = file.getnchannels(), file.getframerate()
    mono = samples.reshape(-1, channels).mean(axis=1).astype(np.float32) / 32_768
    if rate != RATE:
        mono = sphn.resample(mono, rate, RATE)
    padding = np.zeros(-len(mono) % FRAME, np.float32)
    return np.concatenate([mono, padding])


async def speak(socket: ClientConnection, pcm: npt.NDArray[np.float32], listen: float) -> None:
    """Send the file at the pace of real time, then silence; a conversation hears both."""
    writer = sphn.OpusStreamWriter(RATE)
    pcm = np.concatenate([pcm, np.zeros(round(listen * RATE) // FRAME * FRAME, np.float32)])
    loop = asyncio.get_running_loop()
    began = loop.time()
    for at in range(0, len(pcm), FRAME):
        pages = writer.append_pcm(pcm[at : at + FRAME])
        if len(pages):
            await socket.send(bytes([AUDIO]) + pages)
        await asyncio.sleep(max(0.0, began + (at + FRAME) / RATE - loop.time()))


async def hear(socket: ClientConnection) -> bytes:
    """Print the AI's words until the connection ends; return its voice, as Ogg Opus."""
    voice = bytearray()
    try:
        async for frame in socket:
            if not isinstance(frame, bytes) or not frame:
                continue
            kind, payload = frame[0], frame[1:]
            if kind == AUDIO:
                voice += payload
            elif kind == TEXT:
                print(payload.decode(), end="", flush=True)
            elif kind == HANDSHAKE:
                print("(connected)")
            elif kind == ERROR:
                print(f"\n(error: {payload.decode()})")
            elif kind == METADATA and b"queue_position" in payload:
                print(f"(waiting: {payload.decode()})")
    except ConnectionClosed as closed:
        print(f"\n(the connection broke: {closed})")
    return bytes(voice)


async def talk(options: argparse.Namespace, pcm: npt.NDArray[np.float32]) -> bytes:
    """One session, from its start to its transcript; return the AI's voice."""
    headers = {"Authorization": f"Bearer {options.key}"} if options.key else {}
    async with httpx.AsyncClient(base_url=options.server, headers=headers) as client:
        body = {"voice_prompt": options.voice, "text_prompt": options.prompt}
        started = (await client.post("/api/sessions/start", json=body)).json()
        if "error" in started:
            sys.exit(started["error"])
        url = options.server.replace("http", "ws", 1) + started["websocket_url"]
        async with connect(url, additional_headers=headers, max_size=None) as socket:
            hearing = asyncio.create_task(hear(socket))
            speaking = asyncio.create_task(speak(socket, pcm, options.listen))
            await asyncio.wait((hearing, speaking), return_when=asyncio.FIRST_COMPLETED)
            speaking.cancel()
            await socket.close()
            voice = await hearing
        print_session(await ended(client, started["session_id"]))
    return voice


async def ended(client: httpx.AsyncClient, session_id: str) -> dict[str, Any]:
    """The session, once its last words are written down; that takes a moment."""
    for _ in range(50):
        session: dict[str, Any] = (await client.get(f"/api/sessions/{session_id}")).json()
        if session["ended_at"] is not None:
            break
        await asyncio.sleep(0.1)
    return session


def print_session(session: dict[str, Any]) -> None:
    """What an agent reads afterwards."""
    print(f"\n\n{session['status']} after {session['duration_seconds']} s\n")
    for entry in session["transcript"]:
        name = "AI" if entry["speaker"] == "ai" else "User"
        print(f"{entry['t']:7.1f}  {name}: {entry['text']}")


if __name__ == "__main__":
    given = arguments()
    heard = asyncio.run(talk(given, read_wav(given.file)))
    if given.save is not None:
        given.save.write_bytes(heard)
