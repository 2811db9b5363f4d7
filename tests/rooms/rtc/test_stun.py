"""STUN messages, against aioice's encoding and against garbage."""

from __future__ import annotations

import binascii

import pytest
from aioice import stun as other
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc import stun

KEY = b"the password of this side"
TRANSACTION = bytes(range(12))


def check(**attributes: object) -> other.Message:
    message = other.Message(other.Method.BINDING, other.Class.REQUEST, TRANSACTION)
    message.attributes.update({"USERNAME": "ours:theirs", "PRIORITY": 7, "ICE-CONTROLLING": 9})
    message.attributes.update({name.replace("_", "-"): value for name, value in attributes.items()})
    return message


def signed(message: other.Message, key: bytes = KEY) -> bytes:
    message.add_message_integrity(key)
    return bytes(message)


def sealed(body: bytes) -> bytes:
    """A binding request with these attributes and a right fingerprint."""
    message = b"\0\1" + (len(body) + 8).to_bytes(2, "big") + bytes.fromhex("2112a442")
    message += TRANSACTION + body
    crc = binascii.crc32(message) ^ 0x5354554E
    return message + b"\x80\x28\0\4" + crc.to_bytes(4, "big")


def test_a_check_is_read() -> None:
    request = stun.BindingRequest(signed(check(USE_CANDIDATE=None)))
    assert request.transaction == TRANSACTION
    assert (request.username, request.ufrag) == (b"ours:theirs", b"ours")
    assert request.use_candidate
    assert not request.controlled
    assert request.unknown == ()
    assert request.is_signed_with(KEY)


def test_a_check_without_nomination_from_the_controlled_side_is_told_apart() -> None:
    message = check(ICE_CONTROLLED=9)
    del message.attributes["ICE-CONTROLLING"]
    request = stun.BindingRequest(signed(message))
    assert request.controlled
    assert not request.use_candidate


def test_a_wrong_key_or_none_is_no_signature() -> None:
    assert not stun.BindingRequest(signed(check())).is_signed_with(KEY + b"!")
    unsigned = check()
    unsigned.add_fingerprint()
    assert not stun.BindingRequest(bytes(unsigned)).is_signed_with(KEY)


def test_what_was_changed_on_the_way_is_not_signed() -> None:
    data = bytearray(signed(check()))
    data[24] ^= 1  # in the user name
    data[-4:] = (binascii.crc32(data[:-8]) ^ 0x5354554E).to_bytes(4, "big")
    assert not stun.BindingRequest(bytes(data)).is_signed_with(KEY)


def test_nothing_after_the_signature_counts() -> None:
    whole = signed(check())
    body = whole[20:-8] + b"\0\x25\0\0"  # USE-CANDIDATE
    request = stun.BindingRequest(sealed(body))
    assert not request.use_candidate


def test_attributes_that_have_to_be_understood_and_are_not_are_listed() -> None:
    body = b"\0\6\0\4ours" + b"\x7f\1\0\1z\0\0\0" + b"\xc0\x57\0\4abcd"
    assert stun.BindingRequest(sealed(body)).unknown == (0x7F01,)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\1",
        signed(check())[:-1],
        signed(check())[:-4] + b"\0\0\0\0",
        sealed(b"\0\6\0\xffours"),
        sealed(b"\0\6\2\x04" + bytes(516)),
        sealed(b"\0\x08\0\4ours"),
        b"\1\1" + signed(check())[2:],
        b"\0\1\0\0" + bytes.fromhex("2112a442") + TRANSACTION,
        b"\0\1\0\0" + b"\0\0\0\0" + TRANSACTION,
    ],
    ids=["empty", "short", "cut", "crc", "long", "name", "signature", "answer", "bare", "cookie"],
)
def test_what_is_no_sound_request_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        stun.BindingRequest(data)


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_value_error(body: bytes) -> None:
    body = body[: len(body) // 4 * 4]
    header = (len(body)).to_bytes(2, "big") + bytes.fromhex("2112a442") + TRANSACTION
    for data in (body, sealed(body), b"\0\1" + header + body, b"\1\1" + header + body):
        for read in (stun.BindingRequest, stun.mapped_address):
            try:
                read(data)
            except ValueError:
                continue


@pytest.mark.parametrize("address", [("192.0.2.7", 50_000), ("2001:db8::7", 50_001, 0, 0)])
def test_an_answer_says_the_address_and_is_signed(address: stun.Address) -> None:
    answer = stun.success(TRANSACTION, address, KEY)
    message = other.parse_message(answer)
    assert message.message_class == other.Class.RESPONSE
    assert message.transaction_id == TRANSACTION
    assert message.attributes["XOR-MAPPED-ADDRESS"] == address[:2]
    assert message.check_message_integrity(KEY)
    assert stun.mapped_address(answer) == address[:2]
    assert stun.is_response(answer)
    assert stun.transaction_of(answer) == TRANSACTION


def test_the_zone_of_a_link_local_address_is_not_told() -> None:
    answer = other.parse_message(stun.success(TRANSACTION, ("fe80::1%lo", 5, 0, 1), KEY))
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == ("fe80::1", 5)


@pytest.mark.parametrize("code", [400, 401, 487])
def test_an_error_has_its_code(code: int) -> None:
    request = stun.BindingRequest(signed(check()))
    message = other.parse_message(stun.error(request, code, KEY if code == 487 else None))
    assert message.message_class == other.Class.ERROR
    assert message.error_code == code
    assert message.check_message_integrity(KEY) == (code == 487)


def test_an_error_for_unknown_attributes_lists_them() -> None:
    request = stun.BindingRequest(sealed(b"\x7f\1\0\0" + b"\x7f\2\0\0"))
    answer = stun.error(request, 420, KEY)
    assert b"\0\x0a\0\4\x7f\1\x7f\2" in answer


def test_a_question_to_a_server_is_understood() -> None:
    message = other.parse_message(stun.plain_request(TRANSACTION))
    assert (message.message_class, message.attributes) == (other.Class.REQUEST, {})


@pytest.mark.parametrize("value", [b"\0\1\0\0", b"\0\3" + bytes(6), b"\0\2" + bytes(6), b"\0"])
def test_an_address_of_no_known_kind_is_refused(value: bytes) -> None:
    body = b"\0\x20" + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)
    data = b"\1\1" + len(body).to_bytes(2, "big") + bytes.fromhex("2112a442") + TRANSACTION + body
    with pytest.raises(ValueError, match="address"):
        stun.mapped_address(data)


def test_an_answer_without_an_address_is_refused() -> None:
    body = b"\x80\x22\0\4name"
    data = b"\1\1" + len(body).to_bytes(2, "big") + bytes.fromhex("2112a442") + TRANSACTION + body
    with pytest.raises(ValueError, match="no mapped address"):
        stun.mapped_address(data)
