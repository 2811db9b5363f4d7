"""Whether Agora's SDK can be used here, without importing it.

Its import loads a native library, or fetches one where there is none, over TLS that it does not
verify, and ends the process where that fails (agora/__init__.py of 2.4). So only helper processes
import it, and only where the library is there.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from greenroom.errors import ProviderUnavailable

SETTING = "avatar.venues"
_LIBRARY = "libAgoraRtcKit.dylib" if sys.platform == "darwin" else "libagora_rtc_sdk.so"


def is_available() -> bool:
    """Whether a channel can be joined from here."""
    return not problem()


def require() -> Path:
    """The folder of the native libraries. Raises ProviderUnavailable, which says what to do."""
    why = problem()
    if why:
        raise ProviderUnavailable(SETTING, why)
    package = _package()
    assert package is not None  # noqa: S101 - no problem was found
    return _libraries(package)


def problem() -> str:
    """Why no channel can be joined from here, and how to mend it; empty: nothing is wrong."""
    package = _package()
    if package is None:
        return (
            "Agora's server SDK is not installed: pip install 'greenroom[agora]' (its installation "
            "downloads a native library from Agora, for Linux and macOS)"
        )
    if not (_libraries(package) / _LIBRARY).is_file():
        return (
            f"Agora's server SDK is installed, but its native library {_LIBRARY} is not in "
            f"{_libraries(package)}: pip install --force-reinstall --no-cache-dir --no-binary "
            "agora-python-server-sdk agora-python-server-sdk, where Agora can be reached"
        )
    return ""


def _package() -> Path | None:
    """The SDK's folder, None where it is not installed."""
    spec = importlib.util.find_spec("agora")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (Path(place) / "rtc").is_dir():
            return Path(place)
    return None


def _libraries(package: Path) -> Path:
    return package / "agora_sdk"
