"""What is used of other libraries beyond what they promise, so that an upgrade fails loudly."""

from __future__ import annotations

import asyncio
import inspect
from importlib.metadata import version
from typing import Any

import pylibsrtp
import pytest
from aiortc import RTCSctpTransport
from aiortc import rtcsctptransport as sctp
from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters

from greenroom.rooms.rtc.sctp import Association
from greenroom.testing.clock import ManualClock


def test_the_versions_are_those_that_were_read() -> None:
    # Another one: read its SCTP again, above all who calls asyncio.ensure_future and what is
    # awaited, then every test of this folder.
    assert version("aiortc") == "1.16.0"
    assert version("pylibsrtp").split(".")[0] == "1"


@pytest.fixture
async def association() -> Association:
    association = Association(
        ManualClock(), client=True, send=lambda _: None, accepts_channel=lambda _: True
    )
    yield association
    association.end()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("_advertised_rwnd", int),
        ("_data_channel_queue", object),
        ("_data_channels", dict),
        ("_inbound_streams", dict),
        ("_local_tsn", int),
        ("_loop", object),
        ("_outbound_queue", object),
        ("_rto", float),
        ("_rttvar", object),
        ("_sack_misordered", set),
        ("_sent_queue", object),
        ("_srtt", object),
    ],
)
async def test_the_association_has_the_private_attributes(
    association: Association, name: str, kind: type
) -> None:
    assert isinstance(getattr(association, name), kind)
    assert name in vars(association)


async def test_no_tsn_has_come_at_first(association: Association) -> None:
    assert association._last_received_tsn is None


async def test_the_round_trip_is_measured_as_in_the_standard(association: Association) -> None:
    RTCSctpTransport._update_rto(association, 0.5)
    assert (association._srtt, association._rttvar, association._rto) == (0.5, 0.25, 1.5)
    assert sctp.SCTP_RTO_MAX == 60


def test_a_stream_holds_its_chunks_in_a_list() -> None:
    assert sctp.InboundStream().reassembly == []


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("_handle_data", ["self", "data"]),
        ("_data_channel_flush", ["self"]),
        ("_send_chunk", ["self", "chunk"]),
        ("_send_reconfig_param", ["self", "param"]),
        ("_transmit", ["self"]),
        ("_transmit_reconfig", ["self"]),
        ("_data_channel_receive", ["self", "stream_id", "pp_id", "data"]),
        ("start", ["self", "remoteCaps", "remotePort"]),
        ("stop", ["self"]),
    ],
)
def test_the_methods_are_coroutines_of_these_parameters(name: str, parameters: list[str]) -> None:
    method = getattr(RTCSctpTransport, name)
    assert inspect.iscoroutinefunction(method)
    assert list(inspect.signature(method).parameters) == parameters


def test_everything_that_becomes_a_task_is_overridden() -> None:
    source = inspect.getsource(RTCSctpTransport)
    calls = {
        part.partition("(")[0].removeprefix("self.")
        for part in source.split("asyncio.ensure_future(")[1:]
    }
    assert calls <= set(vars(Association))
    assert "create_task" not in source
    assert "run_in_executor" not in source
    assert "asyncio.sleep" not in source


def test_timers_come_from_the_loop_that_is_replaced() -> None:
    source = inspect.getsource(RTCSctpTransport)
    assert source.count("call_later") == source.count("self._loop.call_later")
    assert "call_at" not in source


def test_what_is_asked_of_the_dtls_transport_is_what_the_shim_has() -> None:
    source = inspect.getsource(RTCSctpTransport)
    used = {part.partition("(")[0] for part in source.split("self.__transport.")[1:]}
    assert used == {"_register_data_receiver", "_unregister_data_receiver", "_send_data"}
    assert source.count("self.transport.") == source.count("self.transport._role") == 1


async def test_no_task_is_left_by_an_association(association: Association) -> None:
    before = asyncio.all_tasks()
    association.begin()
    channel = RTCDataChannel(association, RTCDataChannelParameters(label="x"))
    channel.close()
    assert asyncio.all_tasks() == before


async def test_a_library_that_really_waits_is_noticed(association: Association) -> None:
    async def waits() -> None:
        await asyncio.sleep(1)

    with pytest.raises(RuntimeError, match="pinned"):
        association._run(waits())


def test_the_states_of_a_channel_can_be_set() -> None:
    assert list(inspect.signature(RTCDataChannel._setReadyState).parameters) == ["self", "state"]


def test_the_protocol_numbers_are_the_standard_ones() -> None:
    assert (sctp.WEBRTC_DCEP, sctp.DATA_CHANNEL_OPEN) == (50, 3)


def test_the_decoder_still_needs_the_guard() -> None:
    # The advance over a parameter of length 0 is 0: once this fails, the guard may do less.
    source: Any = inspect.getsource(sctp.decode_params)
    assert "pos += param_length + padl(param_length)" in source


def test_srtp_has_both_profiles_and_raises_its_own_error() -> None:
    for profile in ("SRTP_PROFILE_AEAD_AES_128_GCM", "SRTP_PROFILE_AES128_CM_SHA1_80"):
        pylibsrtp.Policy(srtp_profile=getattr(pylibsrtp.Policy, profile))
    with pytest.raises(pylibsrtp.Error):
        pylibsrtp.Session().remove_stream(5)
