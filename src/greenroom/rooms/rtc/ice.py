"""ICE-lite (RFC 8445): answers the other side's checks and sends where it nominates.

Always the controlled side. It has host candidates only and makes no checks of its own, so remote
candidates are of no use to it.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from typing import Literal

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.rtc import stun
from greenroom.rooms.rtc.stun import Address, BindingRequest
from greenroom.rooms.rtc.token_bucket import TokenBucket
from greenroom.rooms.rtc.udp import UdpMux, UdpSocket

IceState = Literal["new", "connected", "disconnected"]

# RFC 8839, section 5.4: at least 4 and 22 characters of these.
_CHARACTERS = string.ascii_letters + string.digits
_UFRAG_CHARACTERS, _PWD_CHARACTERS = 8, 24
# Clients check a pair every 2.5 s at the longest; two checks and a bit may be lost.
_SILENCE_SECONDS = 6.0
_MOST_PATHS = 16
# A client checks each of its pairs some 20 times a second at first, and seldom later.
_CHECKS_PER_SECOND, _CHECKS_AT_ONCE = 200, 400
_REFUSALS_PER_SECOND, _REFUSALS_AT_ONCE = 20, 40


class _Path:
    """A pair of a local socket and a remote address that a signed check has come over."""

    __slots__ = ("address", "heard", "socket")

    def __init__(self, socket: UdpSocket, address: Address, now: float) -> None:
        self.socket, self.address, self.heard = socket, address, now


class IceAgent:
    """One peer's ICE. `on_datagram` gets what comes over its paths and isn't STUN.

    `on_state` tells of `connected` (there is a path) and `disconnected` (nothing was heard for six
    seconds), in turns.
    """

    __slots__ = (
        "_checks",
        "_clock",
        "_confirmed",
        "_credentials",
        "_mux",
        "_on_state",
        "_paths",
        "_refusals",
        "_selected",
        "_timer",
        "heard",
        "on_datagram",
        "pwd",
        "rejected",
        "state",
        "ufrag",
    )

    def __init__(
        self,
        mux: UdpMux,
        clock: Clock,
        *,
        on_datagram: Callable[[bytes], None],
        on_state: Callable[[IceState], None],
    ) -> None:
        self._mux, self._clock = mux, clock
        self.on_datagram, self._on_state = on_datagram, on_state
        self.state: IceState = "new"
        self.heard = 0.0
        """When the other side was last heard, by the clock; the owner keeps it up to date too."""
        self.rejected = 0
        """How many requests were refused, or were too many."""
        self._checks = TokenBucket(_CHECKS_PER_SECOND, _CHECKS_AT_ONCE)
        self._refusals = TokenBucket(_REFUSALS_PER_SECOND, _REFUSALS_AT_ONCE)
        self._paths: dict[tuple[UdpSocket, Address], _Path] = {}
        self._selected: _Path | None = None
        self._timer: Timer | None = None
        self._credentials: dict[bytes, bytes] = {}
        self._confirmed: bytes | None = None
        self.ufrag = self.pwd = ""
        self._make_credentials()

    def restart(self) -> None:
        """New credentials; those in use before stay good until the new ones are used."""
        for ufrag in [ufrag for ufrag in self._credentials if ufrag != self._confirmed]:
            self._forget_credentials(ufrag)
        self._make_credentials()

    def on_request(self, request: BindingRequest, socket: UdpSocket, address: Address) -> None:
        """Answer a check that names one of this agent's user name fragments."""
        ufrag = request.ufrag
        key = self._credentials[ufrag]
        if not request.is_signed_with(key):
            self._refuse(request, 401, None, socket, address)
        elif request.unknown:
            self._refuse(request, 420, key, socket, address)
        elif request.controlled:
            self._refuse(request, 487, key, socket, address)
        elif not self._checks.take(self._clock.time()):
            self.rejected += 1
        else:
            socket.send(stun.success(request.transaction, address, key), address)
            self._accept(request, ufrag, socket, address)

    def send(self, data: bytes) -> bool:
        """Send over the path in use; false where there is none."""
        path = self._selected
        if path is None:
            return False
        path.socket.send(data, path.address)
        return True

    def close(self) -> None:
        """Forget credentials and paths. Harmless twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for ufrag in list(self._credentials):
            self._forget_credentials(ufrag)
        for path in self._paths.values():
            path.socket.forget(path.address, self)
        self._paths.clear()
        self._selected = None

    def _accept(
        self, request: BindingRequest, ufrag: bytes, socket: UdpSocket, address: Address
    ) -> None:
        self._confirm(ufrag)
        now = self.heard = self._clock.time()
        path = self._paths.get((socket, address))
        if path is None:
            path = self._add_path(socket, address, now)
        path.heard = now
        # Another participant may have had this address before, behind the same NAT.
        socket.expect(address, self)
        selected = self._selected
        if (
            request.use_candidate
            or selected is None
            # Nothing is nominated yet after a change of network, and the old path is dead.
            or now - selected.heard > _SILENCE_SECONDS
        ):
            self._selected = path
        if self.state != "connected":
            self._set_state("connected")

    def _confirm(self, ufrag: bytes) -> None:
        if ufrag == self._confirmed or ufrag != self.ufrag.encode():
            return
        for other in [other for other in self._credentials if other != ufrag]:
            self._forget_credentials(other)
        self._confirmed = ufrag

    def _add_path(self, socket: UdpSocket, address: Address, now: float) -> _Path:
        if len(self._paths) >= _MOST_PATHS:
            others = (key for key, path in self._paths.items() if path is not self._selected)
            oldest = self._paths.pop(min(others, key=lambda key: self._paths[key].heard))
            oldest.socket.forget(oldest.address, self)
        path = self._paths[socket, address] = _Path(socket, address, now)
        return path

    def _refuse(
        self,
        request: BindingRequest,
        code: int,
        key: bytes | None,
        socket: UdpSocket,
        address: Address,
    ) -> None:
        self.rejected += 1
        if self._refusals.take(self._clock.time()):
            socket.send(stun.error(request, code, key), address)

    def _make_credentials(self) -> None:
        self.ufrag = _random(_UFRAG_CHARACTERS)
        self.pwd = _random(_PWD_CHARACTERS)
        self._credentials[self.ufrag.encode()] = self.pwd.encode()
        self._mux.add(self.ufrag.encode(), self)

    def _forget_credentials(self, ufrag: bytes) -> None:
        del self._credentials[ufrag]
        self._mux.remove(ufrag)

    def _set_state(self, state: IceState) -> None:
        self.state = state
        if state == "connected" and self._timer is None:
            self._watch()
        self._on_state(state)

    def _watch(self) -> None:
        self._timer = self._clock.call_at(self.heard + _SILENCE_SECONDS, self._check)

    def _check(self) -> None:
        self._timer = None
        if self._clock.time() < self.heard + _SILENCE_SECONDS:
            self._watch()
        else:
            self._set_state("disconnected")


def _random(characters: int) -> str:
    return "".join(secrets.choice(_CHARACTERS) for _ in range(characters))
