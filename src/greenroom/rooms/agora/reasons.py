"""The numbers by which Agora says why a channel can't be joined or was left, in words.

The numbers are `CONNECTION_CHANGED_REASON_TYPE` and `ERROR_CODE_TYPE` of AgoraBase.h, SDK 4.4.
"""

from __future__ import annotations

LEFT = 5
"""CONNECTION_CHANGED_LEAVE_CHANNEL: we left."""

_CONNECTION = {
    2: "the connection to Agora was interrupted",
    3: "it was banned from the channel by Agora's server (somebody kicked it out)",
    4: "Agora has not let it join for too long",
    LEFT: "the channel was left",
    6: "the app id is not valid",
    7: "the channel's name is not valid",
    8: "the token is not valid: it must be made for this app id, channel and uid",
    9: "the token has expired",
    10: "Agora's server refused the connection",
    14: "the connection to Agora timed out",
    16: "the connection to Agora was lost",
    19: "somebody else has joined with the same uid",
    20: "the channel has too many broadcasters",
    21: "Agora did not accept the licence",
    22: "Agora's certificate could not be verified",
}

_ERRORS = {
    2: "Agora's SDK was given a wrong argument",
    7: "Agora's SDK is not initialised",
    17: "Agora rejected the request to join",
    101: "the app id is not valid",
    102: "the channel's name is not valid",
    109: "the token has expired",
    110: "the token is not valid: it must be made for this app id, channel and uid",
    121: "the uid is not valid",
    123: "it was banned from the channel by Agora's server (somebody kicked it out)",
}


def of_connection(reason: int) -> str:
    """Why a connection has changed."""
    return _CONNECTION.get(reason, f"Agora's connection has ended for reason {reason}")


def of_error(code: int) -> str:
    """What an error means; the SDK's calls return the same numbers negated."""
    return _ERRORS.get(abs(code), f"Agora's SDK has failed with error {abs(code)}")


def is_fatal(code: int) -> bool:
    """Whether an error that the SDK reports means that the channel can't be joined."""
    return code in {17, 101, 102, 109, 110, 121, 123}
