"""The file that a recording is written into."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol


class RawFile(Protocol):
    """What a recording needs of an open file; the calls may block."""

    def write(self, data: bytes, /) -> int | None:
        """Write some of it; return how much. Raises OSError."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As `io.RawIOBase.seek`."""
        ...

    def close(self) -> None:
        """Raises OSError."""
        ...


OpenFile = Callable[[Path], RawFile]
"""Makes a file that is not there yet. Raises FileExistsError, OSError."""


def create_file(path: Path) -> RawFile:
    """A new file for its owner only, in folders that are made where they are missing.

    Unbuffered: what was written is the system's, and survives the end of this process.
    """
    for folder in (path.parent.parent, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "wb", buffering=0)


class Sink:
    """What the container writes to. It never raises: after an error, `error` says which.

    FFmpeg must be able to close its side after a failed write, so all later writes are taken and
    dropped.
    """

    def __init__(self, file: RawFile) -> None:
        self._file = file
        self._position = 0
        self.size = 0
        """Bytes of the file."""
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """All of it, or nothing at all any more."""
        rest = memoryview(data)
        try:
            while rest and self.error is None:
                rest = rest[self._file.write(bytes(rest)) or 0 :]
        except OSError as error:
            self.error = error
        self._position += len(data)
        if self.error is None:
            self.size = max(self.size, self._position)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As `io.RawIOBase.seek`."""
        if self.error is None:
            try:
                self._position = self._file.seek(offset, whence)
            except OSError as error:
                self.error = error
        return self._position

    def tell(self) -> int:
        """Where the next write goes."""
        return self._position

    def close(self) -> None:
        """Harmless twice."""
        try:
            self._file.close()
        except OSError as error:
            self.error = self.error or error
