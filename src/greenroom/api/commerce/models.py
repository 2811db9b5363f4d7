"""What clients send, by the wire's own names. Unknown fields are ignored, types are not guessed."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import TypedDict

from greenroom.commerce.analytics import PRODUCT_EVENTS, TOOL_EVENT
from greenroom.errors import InvalidInput

MAX_JSON_BYTES = 16_384
"""Of `metadata`, `context` and an event's `data`, with what surrounds them."""

MAX_PRICE = 1_000_000

UserId = Annotated[str, Field(max_length=256)]
SessionId = Annotated[str, Field(min_length=1, max_length=128)]
Price = Annotated[Decimal, Field(ge=0, le=MAX_PRICE, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(
        strict=True, frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False
    )


class CreateSession(_Body):
    """`POST /api/sessions`."""

    user_id: UserId | None = None
    metadata: dict[str, Any] | None = None


class PriceRange(_Body):
    """Inclusive bounds; either may be missing."""

    min: Price | None = None
    max: Price | None = None

    @model_validator(mode="after")
    def _in_order(self) -> PriceRange:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self


class SearchFilters(_Body):
    """What products must satisfy."""

    category: Annotated[str, Field(max_length=60)] | None = None
    price_range: PriceRange | None = None
    size: Annotated[str, Field(max_length=40)] | None = None


class ProductSearch(_Body):
    """`POST /api/products/search`."""

    query: Annotated[str, Field(max_length=200)]
    filters: SearchFilters | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 10


class ToolExecutionEvent(_Body):
    """`data` of an event of the type `tool_execution`."""

    tool_name: Annotated[str, Field(min_length=1, max_length=64)]
    parameters: dict[str, Any] | None = None
    duration_ms: Annotated[float, Field(ge=0, le=86_400_000)] | None = None
    success: bool | None = None


class ProductEvent(_Body):
    """`data` of an event that says that a product was seen."""

    product_id: Annotated[str, Field(min_length=1, max_length=256)]


_EVENT_DATA: dict[str, type[_Body]] = {
    TOOL_EVENT: ToolExecutionEvent,
    **dict.fromkeys(PRODUCT_EVENTS, ProductEvent),
}
"""What the data of those types that count towards a session's figures must hold."""


class AnalyticsEvent(_Body):
    """`POST /api/analytics/events`. `event_key`, an addition, tells a repetition from an event."""

    session_id: SessionId
    event_type: Annotated[str, Field(min_length=1, max_length=64)]
    data: dict[str, Any] | None = None
    event_key: Annotated[str, Field(min_length=1, max_length=128)] | None = None

    def check_data(self) -> None:
        """Raises InvalidInput where the data doesn't fit the type."""
        if (model := _EVENT_DATA.get(self.event_type)) is not None:
            try:
                model.model_validate({} if self.data is None else self.data)
            except ValidationError as error:
                raise invalid(error, "data", within="data") from None


class ToolExecution(_Body):
    """`POST /api/test/tool-execution`."""

    tool: Annotated[str, Field(min_length=1, max_length=64)]
    parameters: dict[str, Any] | None = None
    session_id: SessionId | None = None


class StartContext(_Body):
    """`data.context` of `session.start`."""

    store_id: Annotated[str, Field(max_length=256)] | None = None
    preferences: dict[str, Any] | None = None


class StartData(_Body):
    """`data` of `session.start`; the last five are additions to the contract."""

    session_id: SessionId | None = None
    user_id: UserId | None = None
    context: StartContext | None = None
    audio_format: Literal["mp3", "pcm16"] = "mp3"
    sample_rate: Annotated[int, Field(ge=8_000, le=48_000)] | None = None
    interim: bool = False
    events: Annotated[list[Literal["agent.interrupted", "playback"]], Field(max_length=8)] = []
    transport: Literal["auto", "websocket"] = "auto"

    @model_validator(mode="after")
    def _rate_of_pcm_only(self) -> StartData:
        if self.sample_rate is not None and self.audio_format != "pcm16":
            raise ValueError("sample_rate is for audio_format pcm16")
        return self


class PlaybackData(_Body):
    """`data` of `playback.position`, an addition to the contract."""

    response_id: Annotated[str, Field(max_length=64)] | None = None
    played_ms: Annotated[float, Field(ge=0, le=86_400_000)]


class StartMessage(_Body):
    """`session.start`."""

    data: StartData | None = None


class PlaybackMessage(_Body):
    """`playback.position`."""

    data: PlaybackData


class Message(TypedDict):
    """What every message has."""

    __pydantic_config__ = ConfigDict(strict=True)  # type: ignore[misc]  # pydantic's own way

    type: str


class AudioData(TypedDict):
    """`data` of `audio.input`. A dict, since it is made fifty times a second."""

    __pydantic_config__ = ConfigDict(  # type: ignore[misc]
        strict=True, val_json_bytes="base64", hide_input_in_errors=True
    )

    audio: bytes
    format: Literal["pcm16", "opus", "mp3", "wav"]
    sample_rate: Annotated[int, Field(ge=8_000, le=48_000)]


class AudioMessage(TypedDict):
    """A whole `audio.input` message."""

    __pydantic_config__ = ConfigDict(strict=True)  # type: ignore[misc]

    type: Literal["audio.input"]
    data: AudioData


def invalid(error: ValidationError, whole: str = "body", within: str = "") -> InvalidInput:
    """The first thing that is wrong, named by the wire's dotted path; `whole` names all of it.

    `within` is the path of what was validated, where that is a part.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(filter(None, (within, *map(str, first["loc"])))) or whole
    context = first.get("ctx", {})
    match first["type"]:
        case "json_invalid":
            return InvalidInput(whole, "is not JSON", "a JSON object")
        case "missing":
            return InvalidInput(path, "is missing")
        case "literal_error":
            return InvalidInput(path, "is not a known value", str(context.get("expected", "")))
        case "bytes_invalid_encoding":
            return InvalidInput(path, "is not base64", "standard base64 with padding")
        case "value_error":
            return InvalidInput(path, str(context.get("error", "")))
        case _:
            return InvalidInput(path, "does not fit", first["msg"])
