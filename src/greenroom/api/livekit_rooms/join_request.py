"""How a client asks to join: by the query of its WebSocket's URL, read within bounds.

Clients of the single peer connection (`/rtc/v1`) send one parameter that holds a message, those of
two peer connections (`/rtc`) a parameter for each thing.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from urllib.parse import parse_qsl

import orjson
from google.protobuf.message import DecodeError
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import JoinRequest, WrappedJoinRequest

from greenroom.errors import InvalidInput
from greenroom.rooms.embedded.joining import JoinParameters

MAX_PARAMETERS = 64
_GZIP = 16 + zlib.MAX_WBITS
_SDKS = {name.lower(): name for name in ClientInfo.SDK.keys()}  # noqa: SIM118 - it is no mapping
_TRUE = frozenset({"1", "true", "t", "yes"})


def query_parameters(query: bytes) -> dict[str, str]:
    """The parameters of a URL, the first of each name. Raises InvalidInput."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS
        )
    except ValueError:
        allowed = f"at most {MAX_PARAMETERS} parameters, in ASCII"
        raise InvalidInput("query", "can't be read", allowed) from None
    parameters: dict[str, str] = {}
    for name, value in pairs:
        parameters.setdefault(name, value)
    return parameters


def single_pc_join(parameters: Mapping[str, str], limit: int) -> JoinParameters:
    """What `join_request` holds: base64url, of a message, of a message that may be gzipped.

    Raises InvalidInput, also where the message has more than `limit` bytes unpacked.
    """
    try:
        wrapped = WrappedJoinRequest.FromString(_from_base64url(parameters.get("join_request", "")))
        match wrapped.compression:
            case WrappedJoinRequest.NONE:
                unpacked = wrapped.join_request
            case WrappedJoinRequest.GZIP:
                unpacked = _gunzip(wrapped.join_request, limit)
            case other:
                raise InvalidInput("join_request", f"has compression {other}", "none or gzip")
        if len(unpacked) > limit:
            raise InvalidInput("join_request", "is too long", f"at most {limit} bytes")
        request = JoinRequest.FromString(unpacked)
    except (binascii.Error, DecodeError, UnicodeError, zlib.error):
        raise InvalidInput("join_request", "can't be read") from None
    settings = request.connection_settings
    return JoinParameters(
        single_pc=True,
        auto_subscribe=settings.auto_subscribe or not request.HasField("connection_settings"),
        adaptive_stream=settings.adaptive_stream,
        protocol=request.client_info.protocol,
        client_info=request.client_info,
        publisher_offer=request.publisher_offer if request.HasField("publisher_offer") else None,
        add_tracks=tuple(request.add_track_requests),
        attributes=dict(request.participant_attributes),
        metadata=request.metadata,
        reconnect=request.reconnect,
        participant_sid=request.participant_sid,
        sync_state=request.sync_state if request.HasField("sync_state") else None,
    )


def two_pc_join(parameters: Mapping[str, str]) -> JoinParameters:
    """What the single parameters say.

    What can't be read is passed over: a client's own name is no reason to send it away. Raises
    InvalidInput for attributes that can't be read.
    """
    text = parameters.get
    info = ClientInfo(
        sdk=_SDKS.get(text("sdk", "").lower()),
        version=text("version"),
        protocol=_number(text("protocol", "")),
        os=text("os"),
        os_version=text("os_version"),
        device_model=text("device_model"),
        browser=text("browser"),
        browser_version=text("browser_version"),
        network=text("network"),
    )
    return JoinParameters(
        single_pc=False,
        auto_subscribe=_flag(text("auto_subscribe", "1")),
        adaptive_stream=_flag(text("adaptive_stream", "")),
        protocol=info.protocol,
        client_info=info,
        attributes=_attributes(text("attributes", "")),
        reconnect=_flag(text("reconnect", "")),
        participant_sid=text("sid", ""),
    )


def _attributes(parameter: str) -> dict[str, str]:
    """Base64url of a JSON object of strings."""
    if not parameter:
        return {}
    try:
        found = orjson.loads(_from_base64url(parameter))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InvalidInput("attributes", "can't be read", "base64 of a JSON object of strings")
    return found


def _from_base64url(text: str) -> bytes:
    """Padding may be there or not (RFC 4648, section 5)."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/").encode("ascii")
    return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)


def _gunzip(packed: bytes, limit: int) -> bytes:
    """Unpack no more than one byte beyond the limit, however much it would become."""
    stream = zlib.decompressobj(_GZIP)
    unpacked = stream.decompress(packed, limit + 1)
    if len(unpacked) <= limit and not stream.eof:
        raise zlib.error("cut off")
    return unpacked


def _flag(text: str) -> bool:
    return text.lower() in _TRUE


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
