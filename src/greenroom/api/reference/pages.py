"""`/docs` (Swagger UI), `/redoc` and `/openapi.json`, which work without a network.

FastAPI's helpers write the pages. The scripts are those that the package `fastapi-offline` ships,
served from its folder. Nothing of it is made or imported before it is asked for: FastAPI takes
0.7 s of CPU, which a thread spends.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path

import orjson
from starlette.responses import FileResponse, HTMLResponse, Response

from greenroom.api.endpoint import Call, Handler
from greenroom.api.reference.document import Operation, openapi

TITLE = "Greenroom"
DESCRIPTION = "The REST side of the APIs of this port. What is not REST is in their documents."

# Relative to the pages, so that they may lie under any path of a proxy.
_DOCUMENT = "openapi.json"
_SCRIPTS = "docs/scripts"

_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js", "favicon.png")
"""Of that package."""

_KEPT_FOR = "max-age=86400"
"""By browsers."""

_POLICY = (
    "default-src 'none'; connect-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Keeps the pages' scripts from asking anybody but this server, for a logo say."""


class Reference:
    """The pages about `operations`."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = tuple(operations)

    def handlers(self) -> dict[str, Handler]:
        """By the path."""
        return {
            "/docs": self._docs,
            "/redoc": self._redoc,
            f"/{_DOCUMENT}": self._openapi,
            **{f"/{_SCRIPTS}/{name}": partial(_file, _folder() / name) for name in _FILES},
        }

    async def _docs(self, call: Call) -> Response:  # noqa: ARG002 - the signature of a handler
        return await asyncio.to_thread(lambda: self._docs_page)

    async def _redoc(self, call: Call) -> Response:  # noqa: ARG002
        return await asyncio.to_thread(lambda: self._redoc_page)

    async def _openapi(self, call: Call) -> Response:  # noqa: ARG002
        return await asyncio.to_thread(lambda: self._document)

    @cached_property
    def _document(self) -> Response:
        document = openapi(self._operations, TITLE, DESCRIPTION)
        return Response(orjson.dumps(document), media_type="application/json")

    @cached_property
    def _docs_page(self) -> Response:
        from fastapi.openapi.docs import get_swagger_ui_html  # noqa: PLC0415

        return _guarded(
            get_swagger_ui_html(
                openapi_url=_DOCUMENT,
                title=TITLE,
                swagger_js_url=f"{_SCRIPTS}/swagger-ui-bundle.js",
                swagger_css_url=f"{_SCRIPTS}/swagger-ui.css",
                swagger_favicon_url=f"{_SCRIPTS}/favicon.png",
            )
        )

    @cached_property
    def _redoc_page(self) -> Response:
        from fastapi.openapi.docs import get_redoc_html  # noqa: PLC0415

        return _guarded(
            get_redoc_html(
                openapi_url=_DOCUMENT,
                title=TITLE,
                redoc_js_url=f"{_SCRIPTS}/redoc.standalone.js",
                redoc_favicon_url=f"{_SCRIPTS}/favicon.png",
                with_google_fonts=False,
            )
        )


def _guarded(page: HTMLResponse) -> HTMLResponse:
    page.headers["content-security-policy"] = _POLICY
    return page


async def _file(path: Path, call: Call) -> Response:  # noqa: ARG001 - a handler, but for `path`
    return FileResponse(path, headers={"cache-control": _KEPT_FOR})


def _folder() -> Path:
    # Not importlib.resources, which would import the package, and FastAPI with it.
    spec = importlib.util.find_spec("fastapi_offline")
    assert spec is not None  # noqa: S101 - it is among the requirements
    assert spec.origin is not None  # noqa: S101
    return Path(spec.origin).parent / "static"
