"""The shop's tools by name: arguments checked, time bounded, results as JSON values.

One toolbox serves all conversations; what a call changes is in the `ShopContext` it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from greenroom.commerce import tool_parameters as parameters
from greenroom.commerce.cart_tools import add_to_cart, remove_from_cart, view_cart
from greenroom.commerce.checkout_tools import checkout_link
from greenroom.commerce.compare_tools import compare_products
from greenroom.commerce.context import ShopContext
from greenroom.commerce.policy_tools import get_policy
from greenroom.commerce.ports import Catalogue
from greenroom.commerce.product_tools import (
    check_inventory,
    get_product_details,
    search_products,
)
from greenroom.errors import InvalidInput, ProductNotFound, ProviderFailed

TIME_LIMIT = 5.0
"""Seconds that a tool may take unless the toolbox is told otherwise."""


_Taken = TypeVar("_Taken", bound=parameters.Parameters)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave. Where `ok` is false, `error` says why in words fit for a model.

    `failure` is set where that is no answer of the shop but its catalogue's failure.
    """

    ok: bool
    result: Any = None
    error: str | None = None
    failure: ProviderFailed | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool's name, what it is for, and what it takes. One that `writes` is never run twice."""

    name: str
    description: str
    parameters: type[parameters.Parameters]
    run: Callable[[Catalogue, ShopContext, Any], Awaitable[dict[str, Any]]]
    writes: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        return self.parameters.model_json_schema()


def _tool(name: str, takes: type[parameters.Parameters], run: Any, *, writes: bool = False) -> Tool:
    return Tool(name, " ".join((takes.__doc__ or "").split()), takes, run, writes)


TOOLS: tuple[Tool, ...] = (
    _tool("search_products", parameters.SearchProducts, search_products),
    _tool("get_product_details", parameters.GetProductDetails, get_product_details),
    _tool("check_inventory", parameters.CheckInventory, check_inventory),
    _tool("compare_products", parameters.CompareProducts, compare_products),
    _tool("add_to_cart", parameters.AddToCart, add_to_cart, writes=True),
    _tool("view_cart", parameters.ViewCart, view_cart),
    _tool("remove_from_cart", parameters.RemoveFromCart, remove_from_cart, writes=True),
    _tool("checkout_link", parameters.CheckoutLink, checkout_link, writes=True),
    _tool("get_policy", parameters.GetPolicy, get_policy),
)


class Toolbox:
    """All tools over one catalogue. `time_limit` is in seconds, for each call."""

    def __init__(self, catalogue: Catalogue, *, time_limit: float = TIME_LIMIT) -> None:
        self.catalogue = catalogue
        self._time_limit = time_limit
        self._tools = {tool.name: tool for tool in TOOLS}

    @property
    def tools(self) -> tuple[Tool, ...]:
        """Every tool, with its schema."""
        return TOOLS

    async def run(self, name: str, arguments: dict[str, Any], context: ShopContext) -> ToolResult:
        """Call a tool. A call that can't be done in the shop (sold out, not found) is an answer.

        Raises InvalidInput for an unknown tool (`tool`) or a bad argument
        (`parameters.<name>`). A catalogue that fails or takes too long gives `ok` false; a tool
        that only looks is tried once more before that.
        """
        tool = self._tools.get(name)
        if tool is None:
            raise InvalidInput("tool", f"no tool {name[:80]!r}", ", ".join(sorted(self._tools)))
        taken = checked(name, tool.parameters, arguments)
        try:
            async with asyncio.timeout(self._time_limit):
                return ToolResult(True, await self._try(tool, context, taken))
        except ProductNotFound as error:
            return ToolResult(False, error=f"there is no product {error.product_id!r} in the shop")
        except InvalidInput:  # the catalogue's, who knows more of a shop than our schema
            return ToolResult(False, error="the shop can't do that with these products")
        except ProviderFailed as error:
            why = "the shop's catalogue does not answer; try again later"
            return ToolResult(False, error=why, failure=error)
        except TimeoutError:
            why = f"no answer within {self._time_limit:g} s"
            return ToolResult(False, error=why, failure=ProviderFailed(self.catalogue.uri, why))

    async def _try(self, tool: Tool, context: ShopContext, taken: Any) -> dict[str, Any]:
        try:
            return await tool.run(self.catalogue, context, taken)
        except ProviderFailed as error:
            wait = error.retry_after or 0.0
            if tool.writes or not error.retryable or wait >= self._time_limit:
                raise
        await asyncio.sleep(wait)
        return await tool.run(self.catalogue, context, taken)


def checked(tool: str, takes: type[_Taken], arguments: dict[str, Any]) -> _Taken:
    """The arguments of a call of `tool`. Raises InvalidInput (`parameters.<name>`)."""
    try:
        return takes.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = ".".join(["parameters", *map(str, first["loc"])])
    if first["type"] == "extra_forbidden":
        fields = ", ".join(takes.model_fields) or "nothing"
        raise InvalidInput(path, f"{tool} takes no such parameter", fields)
    properties = takes.model_json_schema().get("properties", {})
    field = properties.get(str(first["loc"][0]) if first["loc"] else "", {})
    raise InvalidInput(path, first["msg"], _allowed(field))


def _allowed(schema: dict[str, Any]) -> str:
    """What a property's schema lets through, in words."""
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    option = options[0] if options else {}
    words = [str(option.get("type", ""))]
    for key, text in (
        ("minimum", "at least {}"),
        ("maximum", "at most {}"),
        ("minLength", "at least {} characters"),
        ("maxLength", "at most {} characters"),
    ):
        if key in option:
            words.append(text.format(option[key]))
    return ", ".join(word for word in words if word)
