"""LiveKit's own JavaScript client, unmodified, in a real Chromium.

The client comes from npm, in the version that `tests/browser/package-lock.json` names; Chromium is
the system's. Several participants live in one page: a browser costs more than all that they do.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from support.npm import install_packages
from support.serving import serving

FOLDER = Path(__file__).parents[1] / "browser"
CLIENT = FOLDER / "node_modules" / "livekit-client" / "dist" / "livekit-client.umd.js"
ARGUMENTS = (
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--disable-gpu",
    "--mute-audio",
    "--allow-loopback-in-peer-connection",  # a machine may have no other interface
    # Addresses of this machine instead of names that only multicast DNS resolves.
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)
PATIENCE = 20.0
"""Seconds that one call into the page may take."""


def find_chromium() -> str:
    """Chromium's path. Fails the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.fail("the tests need Chromium: run tools/install_test_packages.sh")


class BrowserClient:
    """A participant in the page: `client.method(...)` is a method of `client.js`'s Client."""

    def __init__(self, page: BrowserPage, name: str) -> None:
        self._page = page
        self._name = name

    def __getattr__(self, method: str) -> Any:
        words = method.split("_")
        camel = words[0] + "".join(word.title() for word in words[1:])

        async def call(*values: Any) -> Any:
            return await self._page.call(self._name, camel, *values)

        return call

    async def wait(self, name: str, **wanted: Any) -> dict[str, Any]:
        """The next event of that name with those details, also one that came earlier."""
        event: dict[str, Any] = await self._page.call(self._name, "wait", {"name": name} | wanted)
        return event


class BrowserPage:
    """A page with LiveKit's client in it. `errors` is what it logged as errors."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._count = 0
        self.log: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("pageerror", str(error)))

    async def open(self, url: str) -> None:
        """Load the page."""
        await self._page.goto(url)

    def _note(self, kind: str, text: str) -> None:
        self.log.append(f"{kind}: {text[:300]}")

    async def new_client(self, **options: Any) -> BrowserClient:
        """A participant that is not connected yet; `options` are RoomOptions."""
        self._count += 1
        name = f"client {self._count}"
        await self._evaluate([name, "new", options, []])
        return BrowserClient(self, name)

    async def call(self, name: str, method: str, *values: Any) -> Any:
        """Call a client's method; what fails in the page fails here, with the page's log."""
        return await self._evaluate([name, method, None, list(values)])

    async def _evaluate(self, arguments: list[Any]) -> Any:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._page.evaluate("call", arguments)
        except Exception as error:
            log = "\n".join(self.log[-30:])
            raise AssertionError(f"{arguments[:2]} {arguments[3]}: {error!r}\n{log}") from error


@asynccontextmanager
async def chromium_page() -> AsyncIterator[BrowserPage]:
    """Chromium with one page; it is gone afterwards."""
    await install_packages(FOLDER)
    path = find_chromium()
    files = Starlette(
        routes=[Route(f"/{CLIENT.name}", _client), Mount("/", StaticFiles(directory=FOLDER))]
    )
    async with serving(files) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            context = await browser.new_context(permissions=["camera", "microphone"])
            page = BrowserPage(await context.new_page())
            await page.open(f"{url}/page.html")
            yield page
        finally:
            await browser.close()


async def _client(request: Request) -> FileResponse:
    return FileResponse(CLIENT)
