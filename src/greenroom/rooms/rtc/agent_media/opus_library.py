"""Libopus by ctypes: the one that PyAV brings, or the system's.

PyAV's codec contexts can neither conceal a lost packet nor decode its in-band repetition, and they
cost about half as much again for each packet.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import av

logger = logging.getLogger(__name__)

Pointer = ctypes.c_void_p
Int = ctypes.c_int
Int32 = ctypes.c_int32


class OpusLibrary:
    """The functions that are used. Raises OSError, AttributeError where `path` has none of them.

    Calls keep the interpreter's lock: each takes some tens of microseconds, and getting the lock
    back from another thread could take milliseconds.
    """

    def __init__(self, path: str) -> None:
        library = ctypes.PyDLL(path)
        self.encoder_size = _function(library.opus_encoder_get_size, Int, Int)
        self.encoder_init = _function(library.opus_encoder_init, Int, Pointer, Int32, Int, Int)
        self.encode = _function(library.opus_encode, Int32, Pointer, Pointer, Int, Pointer, Int32)
        self.decoder_size = _function(library.opus_decoder_get_size, Int, Int)
        self.decoder_init = _function(library.opus_decoder_init, Int, Pointer, Int32, Int)
        self.decode = _function(
            library.opus_decode, Int, Pointer, ctypes.c_char_p, Int32, Pointer, Int, Int
        )
        # Variadic: the declared arguments must be followed by exactly one int. On some machines
        # (Apple's ARM) variadic arguments are passed in another way than declared ones.
        self.encoder_ctl = library.opus_encoder_ctl
        self.encoder_ctl.argtypes = [Pointer, Int]
        self.encoder_ctl.restype = Int
        version = _function(library.opus_get_version_string, ctypes.c_char_p)
        self.version: str = version().decode("ascii", "replace")


def _function(
    symbol: ctypes._NamedFuncPointer, result: type, *arguments: type
) -> ctypes._NamedFuncPointer:
    symbol.restype, symbol.argtypes = result, list(arguments)
    return symbol


def _candidates() -> Iterator[str]:
    """Paths and names of shared libraries, the best first."""
    package = Path(av.__file__).parent
    for folder in (package.parent / "av.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*opus*")):
            yield str(path)
    system = ctypes.util.find_library("opus")
    if system:
        yield system


def first_working(candidates: Iterator[str]) -> OpusLibrary | None:
    """The first of these libraries that has what is needed; None and a line in the log: none."""
    failures = []
    for candidate in itertools.islice(candidates, 20):
        try:
            return OpusLibrary(candidate)
        except (OSError, AttributeError) as error:
            failures.append(f"{candidate}: {error}")
    logger.warning(
        "no libopus can be loaded (%s): lost packets of sound will be silent, not concealed, and "
        "coding costs more",
        "; ".join(failures) or "none was found",
    )
    return None


@functools.cache
def opus_library() -> OpusLibrary | None:
    """Libopus, loaded once; None where PyAV's own codec contexts have to do."""
    return first_working(_candidates())
