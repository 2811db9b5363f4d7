"""Sound from this machine's microphone. Needs the extra `microphone` (sounddevice, PortAudio)."""

from __future__ import annotations

import asyncio
import importlib
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

from voice_agent.errors import MicrophoneError

BLOCK_MS = 100
MAX_BLOCKS = 50
"""That wait where the network is slow: 5 s. Then the oldest is dropped: this is live."""


async def microphone_blocks(rate: int, device: int | str | None) -> AsyncGenerator[bytes, None]:
    """Blocks of BLOCK_MS as pcm16 at `rate` Hz, until the generator is closed.

    `device` is sounddevice's number or a part of its name; None: the system's own choice. Raises
    MicrophoneError.
    """
    library = await asyncio.to_thread(_library)
    loop = asyncio.get_running_loop()
    blocks: deque[bytes] = deque(maxlen=MAX_BLOCKS)
    came = asyncio.Event()

    def take(block: bytes) -> None:
        blocks.append(block)
        came.set()

    def on_block(data: Any, frames: int, time: Any, status: Any) -> None:  # noqa: ARG001 - theirs
        loop.call_soon_threadsafe(take, bytes(data))

    stream = await asyncio.to_thread(_open, library, rate, device, on_block)
    try:
        while True:
            await came.wait()
            came.clear()
            while blocks:
                yield blocks.popleft()
    finally:
        stream.close()


def _library() -> Any:
    try:
        return importlib.import_module("sounddevice")
    except ModuleNotFoundError as error:
        raise MicrophoneError(
            "the microphone needs sounddevice: pip install 'voice-agent[microphone]'"
        ) from error
    except OSError as error:
        raise MicrophoneError(
            f"sounddevice can't be used: {error}; on Debian: apt-get install libportaudio2"
        ) from error


def _open(library: Any, rate: int, device: int | str | None, on_block: Any) -> Any:
    stream = None
    try:
        stream = library.RawInputStream(
            samplerate=rate,
            blocksize=rate * BLOCK_MS // 1000,
            device=device,
            channels=1,
            dtype="int16",
            callback=on_block,
        )
        stream.start()
    except (library.PortAudioError, ValueError) as error:
        if stream is not None:
            stream.close()
        raise MicrophoneError(f"no microphone can be opened: {error}") from error
    return stream
