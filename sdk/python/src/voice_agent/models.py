"""What the REST endpoints answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from voice_agent.fields import Fields


@dataclass(frozen=True, slots=True)
class Session:
    """A new session. `token` is a secret: it speaks for the session until `expires_at` (aware)."""

    session_id: str
    token: str = field(repr=False)
    expires_at: datetime

    @classmethod
    def read(cls, body: Fields) -> Session:
        """Of a body."""
        return cls(body.text("session_id"), body.text("token"), body.moment("expires_at"))


@dataclass(frozen=True, slots=True)
class ConversationMessage:
    """One thing said. `role` is `user` or `assistant`."""

    role: str
    content: str
    timestamp: datetime
    tools_used: tuple[str, ...] = ()

    @classmethod
    def read(cls, body: Fields) -> ConversationMessage:
        """Of an element of `messages`."""
        return cls(
            body.text("role"),
            body.text("content"),
            body.moment("timestamp"),
            body.texts("tools_used"),
        )


@dataclass(frozen=True, slots=True)
class ShoppingContext:
    """The cart's lines, as the server writes them, and the ids of products looked at."""

    cart_items: tuple[Mapping[str, Any], ...]
    viewed_products: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionDetails:
    """A session. `status` is `waiting`, `active`, `completed`, `stopped` or `failed`."""

    session_id: str
    status: str
    started_at: datetime
    messages: tuple[ConversationMessage, ...]
    context: ShoppingContext

    @classmethod
    def read(cls, body: Fields) -> SessionDetails:
        """Of a body."""
        context = body.group("context")
        return cls(
            body.text("session_id"),
            body.text("status"),
            body.moment("started_at"),
            tuple(map(ConversationMessage.read, body.objects("messages"))),
            ShoppingContext(context.mappings("cart_items"), context.texts("viewed_products")),
        )


@dataclass(frozen=True, slots=True)
class EndedSession:
    """What `end_session` says."""

    message: str
    duration_seconds: float

    @classmethod
    def read(cls, body: Fields) -> EndedSession:
        """Of a body."""
        return cls(body.text("message"), body.number("duration_seconds"))


@dataclass(frozen=True, slots=True)
class Money:
    """An amount, exact, in the currency of an ISO 4217 code."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One buyable form of a product."""

    id: str
    size: str | None
    color: str | None
    available: bool
    inventory_quantity: int | None

    @classmethod
    def read(cls, body: Fields) -> Variant:
        """Of an element of `variants`."""
        return cls(
            body.text("id"),
            body.maybe_text("size"),
            body.maybe_text("color"),
            body.flag("available"),
            body.maybe_whole("inventory_quantity"),
        )


@dataclass(frozen=True, slots=True)
class Product:
    """A product. `price` is None where the shop gives none."""

    id: str
    title: str
    description: str
    price: Money | None
    images: tuple[str, ...]
    variants: tuple[Variant, ...]

    @classmethod
    def read(cls, body: Fields) -> Product:
        """Of an element of `products`."""
        price = body.maybe_group("price")
        return cls(
            body.text("id"),
            body.text("title"),
            body.maybe_text("description") or "",
            None if price is None else Money(price.decimal("amount"), price.text("currency")),
            body.texts("images"),
            tuple(map(Variant.read, body.objects("variants"))),
        )


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Products found. `total_count` counts all matches, also those that are not here."""

    products: tuple[Product, ...]
    total_count: int
    has_more: bool

    @classmethod
    def read(cls, body: Fields) -> SearchResult:
        """Of a body."""
        products = tuple(map(Product.read, body.objects("products")))
        return cls(products, body.whole("total_count"), body.flag("has_more"))


@dataclass(frozen=True, slots=True)
class TrackedEvent:
    """An event that was recorded."""

    event_id: str
    timestamp: datetime

    @classmethod
    def read(cls, body: Fields) -> TrackedEvent:
        """Of a body."""
        return cls(body.text("event_id"), body.moment("timestamp"))


@dataclass(frozen=True, slots=True)
class SessionMetrics:
    """Figures of a session. `cart_value` is in the shop's currency."""

    duration_seconds: float
    messages_count: int
    tools_executed: int
    products_viewed: int
    cart_value: float


@dataclass(frozen=True, slots=True)
class SessionAnalytics:
    """Figures of a session. `extra` is what the server says beyond the contract, as it is."""

    session_id: str
    metrics: SessionMetrics
    tool_usage: Mapping[str, int]
    intents: tuple[str, ...]
    extra: Mapping[str, Any]

    @classmethod
    def read(cls, body: Fields) -> SessionAnalytics:
        """Of a body."""
        metrics, usage = body.group("metrics"), body.mapping("tool_usage")
        counts = Fields(usage, "tool_usage")
        return cls(
            body.text("session_id"),
            SessionMetrics(
                metrics.number("duration_seconds"),
                metrics.whole("messages_count"),
                metrics.whole("tools_executed"),
                metrics.whole("products_viewed"),
                metrics.number("cart_value"),
            ),
            {tool: counts.whole(tool) for tool in usage},
            body.texts("intents"),
            body.rest("session_id", "metrics", "tool_usage", "intents"),
        )


@dataclass(frozen=True, slots=True)
class Health:
    """The server's state. `checks` has the state of each part."""

    status: str
    version: str
    checks: Mapping[str, str]

    @property
    def healthy(self) -> bool:
        """Whether every part is."""
        return self.status == "healthy"

    @classmethod
    def read(cls, body: Fields) -> Health:
        """Of a body."""
        named = body.mapping("checks")
        checks = Fields(named, "checks")
        return cls(
            body.text("status"), body.text("version"), {name: checks.text(name) for name in named}
        )


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool did. Where `success` is false, `result` has `error`."""

    tool: str
    success: bool
    result: Any
    duration_ms: float

    @classmethod
    def read(cls, body: Fields) -> ToolResult:
        """Of a body."""
        return cls(
            body.text("tool"), body.flag("success"), body.any("result"), body.number("duration_ms")
        )
