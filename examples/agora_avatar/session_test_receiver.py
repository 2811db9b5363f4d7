"""Serves Greenroom's avatar API on http://localhost:8764, for the scripts beside this one.

It needs nothing but Greenroom: no account, no other server, no data of before. The API key is
test-api-key-123, or that of the variable TEST_API_KEY. Every setting may be given as a variable,
such as GREENROOM_AVATAR__PORT.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile

DEFAULTS = {
    "GREENROOM_SERVER__APIS": "avatar",
    "GREENROOM_LOG_LEVEL": "info",
    # Rooms are joined by the address that the server prints; any free ports will do.
    "GREENROOM_ROOMS__PORT": "0",
    "GREENROOM_ROOMS__UDP_PORTS": "0",
}


def main() -> int:
    """Run the server until it ends, or until this script is told to end."""
    with tempfile.TemporaryDirectory(prefix="greenroom-receiver-") as folder:
        environment = {**DEFAULTS, "GREENROOM_DATA_DIR": folder, **os.environ}
        server = subprocess.Popen([sys.executable, "-m", "greenroom", "serve"], env=environment)
        for number in (signal.SIGINT, signal.SIGTERM):
            # From a terminal the server gets Ctrl-C too: then this is its second, and harmless.
            signal.signal(number, lambda *_: server.terminate())
        return server.wait()


if __name__ == "__main__":
    sys.exit(main())
