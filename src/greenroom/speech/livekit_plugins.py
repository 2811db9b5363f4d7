"""Finds, loads and keeps a plugin of LiveKit Agents: `livekit:<plugin>[.<class>][/<model>][?...]`.

`livekit:deepgram/nova-3?language=en-US` is `livekit.plugins.deepgram.STT` (or `.TTS`), made with
`model="nova-3"` and `language="en-US"`. Importing LiveKit Agents takes seconds (3.3 s measured, of
which 2.5 s of CPU), so it is done by `load`, in a thread. Only the plugin itself (some ms) is
imported on the event loop, because LiveKit lets plugins register on the main thread only.

All of a plugin's code runs in a context of its own: there LiveKit finds the HTTP session that it
expects from its job runner.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import logging
import re
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import cache, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import parse_qsl

from greenroom.errors import ProviderFailed, ProviderUnavailable
from greenroom.speech.livekit_closing import Leaving
from greenroom.speech.livekit_errors import NoDetails, as_failure
from greenroom.speech.livekit_options import Constructor
from greenroom.speech.ports import ProviderContext
from greenroom.speech.provider_uri import parse_provider_uri

if TYPE_CHECKING:
    import aiohttp

Kind = Literal["STT", "TTS"]
T = TypeVar("T")

TIMEOUT = 5.0
"""Seconds for a plugin to connect, and between two messages of its server."""
_KEEP_ALIVE = 120.0
_TOO_OFTEN = 429
_MAX_WAIT = 300.0
_KEYS = {"elevenlabs": "ELEVEN_API_KEY", "fal": "FAL_KEY"}
"""Where the variable is not called after the plugin."""
_DEFAULTS: dict[str, dict[str, str]] = {
    # Raw sound needs no decoder; the alignment is with the text that was sent.
    "elevenlabs.TTS": {"encoding": "pcm_24000", "preferred_alignment": "original"},
    # Else it loads a voice activity model of its own, where it finds one.
    "speechmatics.STT": {"turn_detection_mode": "vad"},
}
_NAME = re.compile(r"(?P<plugin>[a-z][a-z0-9_]*)(?:\.(?P<class>[A-Za-z_]\w*))?(?:/(?P<model>.+))?")
_no_details = NoDetails()


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


@cache
def _trust() -> ssl.SSLContext:
    """Reading the certificates takes some ten ms; all plugins share them."""
    return ssl.create_default_context()


class LiveKitPlugin:
    """One class of one plugin, and what its objects share. Made without importing anything.

    `ours` are options of the URI that are not the plugin's. Raises ConfigurationError.
    """

    def __init__(
        self, setting: str, uri: str, kind: Kind, context: ProviderContext, *ours: str
    ) -> None:
        names = {name for name, _ in parse_qsl(uri.partition("?")[2], keep_blank_values=True)}
        parsed = parse_provider_uri(setting, uri, names)
        self.uri = parsed
        self.setting, self.place, self._kind, self._context = setting, parsed.place, kind, context
        found = _NAME.fullmatch(parsed.name)
        if found is None:
            raise self.unavailable("a plugin is named such as livekit:deepgram/nova-3")
        self.name = found["plugin"]
        self._class = found["class"] or kind
        self.key = _KEYS.get(self.name, f"{self.name.upper()}_API_KEY")
        """The conventional variable of the plugin's key."""
        if "api_key" in names:
            raise self.unavailable(f"a URI holds no key; set {self.key} or providers.keys")
        if not _is_installed(f"livekit.plugins.{self.name}"):
            raise self.unavailable(f"no plugin {self.name!r} is installed; {self._remedy}")
        self._given = {name: parsed.options[name] for name in names if name not in ours}
        if found["model"]:
            self._given.setdefault("model", found["model"])
        self._calls = contextvars.copy_context()
        self._loading: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self.leaving = Leaving(self.place)
        self._session: aiohttp.ClientSession | None = None
        self._wait: float | None = None
        """Seconds that the vendor asked to wait when it last found itself asked too often."""
        self._made: Callable[..., Any]
        self.constructor: Constructor
        self.arguments: dict[str, Any] = {}
        """What the URI gives to the constructor; known once it is loaded."""

    @property
    def label(self) -> str:
        """Plugin and class, such as `deepgram.TTS`."""
        return f"{self.name}.{self._class}"

    @property
    def _remedy(self) -> str:
        package = f"livekit-plugins-{self.name.replace('_', '-')}"
        return f"pip install 'greenroom[livekit]' {package}"

    def unavailable(self, problem: str) -> ProviderUnavailable:
        """The error that this plugin can't be used here."""
        return ProviderUnavailable(self.setting, f"{self.place}: {problem}")

    async def load(self) -> None:
        """Import it and open the HTTP session; once, whoever asks. Raises ProviderUnavailable."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        # A caller that gives up doesn't take the start from the others.
        await asyncio.shield(self._loading)

    async def _load(self) -> None:
        name = f"livekit.plugins.{self.name}"
        if name not in sys.modules and threading.current_thread() is not threading.main_thread():
            raise self.unavailable("LiveKit's plugins can be loaded on the main thread only")
        try:
            await asyncio.to_thread(importlib.import_module, "livekit.agents")
            module = importlib.import_module(name)
        except ImportError as error:
            missing = error.name or "a part of it"
            raise self.unavailable(f"{missing} can't be imported; {self._remedy}") from error
        for logger in ("livekit.agents", name):
            logging.getLogger(logger).addFilter(_no_details)
        # A vendor's own package (`speechmatics`) tells all that it receives at debug level.
        logging.getLogger(self.name).setLevel(logging.INFO)
        made = self._class_of(module)
        self._made, self.constructor = made, Constructor(made)
        given = {
            name: value
            for name, value in _DEFAULTS.get(self.label, {}).items()
            if self.constructor.takes(name)
        } | self._given
        self.arguments = self.constructor.convert(self.setting, self.place, given)
        await self._open_session()

    def _class_of(self, module: Any) -> type[Any]:
        agents = importlib.import_module("livekit.agents")
        base = agents.stt.STT if self._kind == "STT" else agents.tts.TTS
        fitting = [
            name
            for name, value in vars(module).items()
            if isinstance(value, type) and issubclass(value, base) and value is not base
        ]
        if self._class not in fitting:
            raise self.unavailable(
                f"the plugin has no {self._kind} {self._class!r}; it has: "
                + (", ".join(sorted(fitting)) or "none")
            )
        made: type[Any] = getattr(module, self._class)
        return made

    async def _open_session(self) -> None:
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep_session(opened), context=self._calls)
        await asyncio.wait({self._keeper, opened}, return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            await self._keeper  # which has failed

    async def _keep_session(self, opened: asyncio.Future[None]) -> None:
        """Runs in the plugin's context, so that what it opens there is found there."""
        import aiohttp  # noqa: PLC0415 - comes with LiveKit Agents
        from livekit.agents.utils import http_context  # noqa: PLC0415

        from greenroom.speech.livekit_socket import WatchedSocket  # noqa: PLC0415

        async with AsyncExitStack() as stack:
            if self.constructor.takes("http_session"):
                # LiveKit's own allows 50 connections to a host; here a talk needs up to two.
                connector = aiohttp.TCPConnector(
                    limit=0,
                    keepalive_timeout=_KEEP_ALIVE,
                    ssl=await asyncio.to_thread(_trust),
                )
                tracing = aiohttp.TraceConfig()
                tracing.on_request_end.append(self._note_wait)
                self._session = await stack.enter_async_context(
                    aiohttp.ClientSession(
                        connector=connector,
                        trust_env=True,
                        ws_response_class=WatchedSocket,
                        trace_configs=[tracing],
                    )
                )
            else:
                await stack.enter_async_context(http_context.open())
            opened.set_result(None)
            await self._closing.wait()

    async def _note_wait(
        self, _session: object, _context: object, end: aiohttp.TraceRequestEndParams
    ) -> None:
        """LiveKit's errors leave out what the answer's header says."""
        if end.response.status == _TOO_OFTEN:
            told = end.response.headers.get("Retry-After", "")
            self._wait = min(float(told), _MAX_WAIT) if told.isdecimal() else None

    def make(self, arguments: Mapping[str, Any]) -> Any:
        """A new STT or TTS. Key and HTTP session are added. Raises ProviderUnavailable."""
        arguments = dict(arguments)
        key = self._context.secret(self.key)
        if key and self.constructor.takes("api_key"):
            arguments["api_key"] = key
        if self._session is not None:
            arguments["http_session"] = self._session
        try:
            return self.call(partial(self._made, **arguments))
        except Exception as error:  # noqa: BLE001 - a plugin's; whatever it is, it can't be used
            says = str(error).replace(key, "...") if key else str(error)
            problem = f"the plugin refuses its options: {says.partition(chr(10))[0][:200]}"
            if not key and self.constructor.takes("api_key"):
                remedy = f"set {self.key} in the environment or in providers.keys"
                problem = f"no key: {remedy}; otherwise {problem}"
            raise self.unavailable(problem) from None

    def call(self, function: Callable[[], T], closed: asyncio.Event | None = None) -> T:
        """Run a plugin's code where it finds what LiveKit gives it.

        `closed` is set when a server closes a WebSocket that what begins here reads.
        """
        from greenroom.speech.livekit_socket import server_closed  # noqa: PLC0415

        context = self._calls.copy()
        context.run(server_closed.set, closed)
        return context.run(function)

    def failure(self, error: Exception) -> ProviderFailed:
        """What a plugin's error comes to; neither a key nor a text is in it."""
        return as_failure(self.place, error, self._wait)

    async def close(self) -> None:
        """End what is retiring, and the HTTP session with all its connections."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        await self.leaving.wait()
        self._closing.set()
        if self._keeper is not None:
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self.leaving.wait()  # their connections are gone now
        await self.leaving.end()
