"""STUN messages (RFC 8489), as far as ICE (RFC 8445) and asking for the public address need them.

A request is read in one pass and nothing after its MESSAGE-INTEGRITY but FINGERPRINT counts.
"""

from __future__ import annotations

import binascii
import hmac
import socket
from struct import Struct
from typing import Final

Address = tuple[str, int] | tuple[str, int, int, int]
"""As sockets give it: IPv4 `(host, port)`, IPv6 `(host, port, flow, scope)`."""

_COOKIE = 0x2112A442
_COOKIE_BYTES = _COOKIE.to_bytes(4, "big")
_FINGERPRINT_XOR = 0x5354554E
_HEADER_BYTES = 20
_INTEGRITY_BYTES = 24
_FINGERPRINT_BYTES = 8

_BINDING_REQUEST = 0x0001
_BINDING_SUCCESS = 0x0101
_BINDING_ERROR = 0x0111

_USERNAME = 0x0006
_INTEGRITY = 0x0008
_ERROR_CODE = 0x0009
_UNKNOWN_ATTRIBUTES = 0x000A
_XOR_MAPPED_ADDRESS = 0x0020
_PRIORITY = 0x0024
_USE_CANDIDATE = 0x0025
_FINGERPRINT = 0x8028
_CONTROLLED = 0x8029

# RFC 8489, section 14: what a request may hold that has to be understood.
_UNDERSTOOD = frozenset({_USERNAME, _INTEGRITY, _PRIORITY, _USE_CANDIDATE})
_MOST_ATTRIBUTES = 32
_MOST_USERNAME_BYTES = 513  # RFC 8489, section 14.3: fewer than 509 bytes, padded

_header = Struct("!HHI12s")
_attribute = Struct("!HH")
_checksum = Struct("!HHI")
_error = Struct("!HBB")

_REASONS: Final = {
    400: b"Bad Request",
    401: b"Unauthenticated",
    420: b"Unknown Attribute",
    487: b"Role Conflict",
}


class BindingRequest:
    """A connectivity check. `username` is `<receiver's ufrag>:<sender's ufrag>`.

    `controlled`: the sender takes itself for the controlled side. `unknown` are attributes that the
    sender wants understood and that are not.
    """

    __slots__ = (
        "_integrity",
        "_signed",
        "controlled",
        "transaction",
        "unknown",
        "use_candidate",
        "username",
    )

    def __init__(self, data: bytes) -> None:
        """Read `data`. Raises ValueError where it isn't a sound binding request of ICE."""
        _check_header(data)
        kind, _, _, self.transaction = _header.unpack_from(data)
        if kind != _BINDING_REQUEST:
            raise ValueError("not a binding request")
        end = len(data) - _FINGERPRINT_BYTES
        if end < _HEADER_BYTES or _checksum.unpack_from(data, end) != (
            _FINGERPRINT,
            4,
            binascii.crc32(data[:end]) ^ _FINGERPRINT_XOR,
        ):
            raise ValueError("no fingerprint, or a wrong one")
        self.username = b""
        self.use_candidate = self.controlled = False
        self.unknown: tuple[int, ...] = ()
        self._signed = self._integrity = b""
        at = _HEADER_BYTES
        for _ in range(_MOST_ATTRIBUTES):
            if at >= end:
                break
            attribute, length = _attribute.unpack_from(data, at)
            begin, at = at, at + 4 + (length + 3) // 4 * 4
            if at > end:
                raise ValueError("an attribute is longer than the message")
            if attribute == _INTEGRITY:
                if length != _INTEGRITY_BYTES - 4:
                    raise ValueError("a signature of the wrong length")
                self._signed, self._integrity = data[:begin], data[begin + 4 : at]
                break
            self._take(attribute, data[begin + 4 : begin + 4 + length])

    def _take(self, attribute: int, value: bytes) -> None:
        if attribute == _USERNAME:
            if len(value) > _MOST_USERNAME_BYTES:
                raise ValueError("the user name is too long")
            self.username = value
        elif attribute == _USE_CANDIDATE:
            self.use_candidate = True
        elif attribute == _CONTROLLED:
            self.controlled = True
        elif attribute < 0x8000 and attribute not in _UNDERSTOOD:
            self.unknown += (attribute,)

    @property
    def ufrag(self) -> bytes:
        """The receiver's user name fragment."""
        return self.username.partition(b":")[0]

    def is_signed_with(self, key: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY is there and was made with `key`."""
        return bool(self._integrity) and hmac.compare_digest(
            self._integrity, _signature(self._signed, key)
        )


def is_stun(data: bytes) -> bool:
    """Whether a datagram claims to be STUN (RFC 7983, section 7, and the cookie)."""
    return len(data) >= _HEADER_BYTES and data[0] < 4 and data[4:8] == _COOKIE_BYTES


def is_response(data: bytes) -> bool:
    """Whether a STUN message is an answer, of either kind."""
    return bool(data[0] & 0x01)


def transaction_of(data: bytes) -> bytes:
    """The 12 bytes by which an answer is matched to its request."""
    return data[8:20]


def success(transaction: bytes, address: Address, key: bytes) -> bytes:
    """The answer to a check from `address`, signed."""
    message = _header.pack(_BINDING_SUCCESS, 0, _COOKIE, transaction)
    return _seal(message + _mapped(address, transaction), key)


def error(request: BindingRequest, code: int, key: bytes | None) -> bytes:
    """An error answer (400, 401, 420 or 487); signed where there is a `key` for it."""
    reason = _REASONS[code]
    message = _header.pack(_BINDING_ERROR, 0, _COOKIE, request.transaction) + _encode(
        _ERROR_CODE, _error.pack(0, code // 100, code % 100) + reason
    )
    if code == 420:
        listed = b"".join(kind.to_bytes(2, "big") for kind in request.unknown)
        message += _encode(_UNKNOWN_ATTRIBUTES, listed)
    return _seal(message, key)


def plain_request(transaction: bytes) -> bytes:
    """A binding request to a STUN server, to learn one's own public address."""
    return _header.pack(_BINDING_REQUEST, 0, _COOKIE, transaction)


def mapped_address(data: bytes) -> tuple[str, int]:
    """The XOR-MAPPED-ADDRESS of a success answer: host and port.

    Raises ValueError where `data` is anything else.
    """
    _check_header(data)
    kind, length, _, transaction = _header.unpack_from(data)
    if kind != _BINDING_SUCCESS:
        raise ValueError("not a success")
    at, end = _HEADER_BYTES, _HEADER_BYTES + length
    while at < end:
        attribute, length = _attribute.unpack_from(data, at)
        value = data[at + 4 : at + 4 + length]
        if attribute == _XOR_MAPPED_ADDRESS:
            return _unmapped(value, transaction)
        at += 4 + (length + 3) // 4 * 4
    raise ValueError("no mapped address")


def _check_header(data: bytes) -> None:
    if not is_stun(data) or len(data) % 4 or int.from_bytes(data[2:4], "big") + 20 != len(data):
        raise ValueError("not a STUN message")


def _signature(message: bytes, key: bytes) -> bytes:
    # RFC 8489, section 14.5: the length is set as though the message ended with the signature.
    length = len(message) - _HEADER_BYTES + _INTEGRITY_BYTES
    return hmac.digest(key, message[:2] + length.to_bytes(2, "big") + message[4:], "sha1")


def _seal(message: bytes, key: bytes | None) -> bytes:
    if key is not None:
        message += _encode(_INTEGRITY, _signature(message, key))
    length = len(message) - _HEADER_BYTES + _FINGERPRINT_BYTES
    message = message[:2] + length.to_bytes(2, "big") + message[4:]
    return message + _checksum.pack(_FINGERPRINT, 4, binascii.crc32(message) ^ _FINGERPRINT_XOR)


def _encode(attribute: int, value: bytes) -> bytes:
    return _attribute.pack(attribute, len(value)) + value + bytes(-len(value) % 4)


def _xor(packed: bytes, transaction: bytes) -> bytes:
    # RFC 8489, section 14.2: with the cookie, and for IPv6 the transaction id after it.
    mask = (_COOKIE_BYTES + transaction)[: len(packed)]
    mixed = int.from_bytes(packed, "big") ^ int.from_bytes(mask, "big")
    return mixed.to_bytes(len(packed), "big")


def _mapped(address: Address, transaction: bytes) -> bytes:
    host = address[0].partition("%")[0]
    six = ":" in host
    packed = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, host)
    value = bytes((0, 2 if six else 1)) + (address[1] ^ (_COOKIE >> 16)).to_bytes(2, "big")
    return _encode(_XOR_MAPPED_ADDRESS, value + _xor(packed, transaction))


def _unmapped(value: bytes, transaction: bytes) -> tuple[str, int]:
    if len(value) < 2 or (value[1], len(value)) not in {(1, 8), (2, 20)}:
        raise ValueError("an address of a wrong family or length")
    family = socket.AF_INET if value[1] == 1 else socket.AF_INET6
    port = int.from_bytes(value[2:4], "big") ^ (_COOKIE >> 16)
    return socket.inet_ntop(family, _xor(value[4:], transaction)), port
