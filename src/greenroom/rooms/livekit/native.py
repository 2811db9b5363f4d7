"""The end of LiveKit's native client, which the SDK leaves to the interpreter's."""

from __future__ import annotations

import sys
from typing import Any


def end_native_client() -> None:
    """End its threads; nothing of the SDK can be used in this process any more.

    Threads of it that call back while the interpreter ends abort the process (seen with 1.1.21, in
    one run of six). The SDK has no public call for it; where this one isn't there, nothing happens.
    """
    ffi: Any = sys.modules.get("livekit.rtc._ffi_client")
    client = getattr(getattr(ffi, "FfiClient", None), "_instance", None)
    dispose = getattr(client, "_dispose", None)
    if dispose is not None:
        dispose()
