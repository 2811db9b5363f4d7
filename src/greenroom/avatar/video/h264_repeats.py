"""H264 pictures that repeat the one before, written without an encoder.

Where nothing was drawn, x264 would still look at every macroblock. A P picture of nothing but
skipped macroblocks says the same in some ten bytes. The stream counts its pictures (`frame_num`),
x264 doesn't know of those that were put in between, and so its own are numbered anew.

This holds for one stream only: x264 as `h264` sets it up. Constrained baseline (CAVLC), one slice a
picture, each picture refers to the one before, no B pictures: the order of output is the order of
coding (`pic_order_cnt_type` 2). Syntax: ITU-T H.264, 7.3.2.1.1 (sequence parameters), 7.3.3 (slice
header), 7.3.4 (slice data).
"""

from __future__ import annotations

from greenroom.errors import ProviderFailed

_START = b"\x00\x00\x00\x01"
_SEQUENCE_PARAMETERS = _START + b"\x67"
_P_PICTURE = _START + b"\x41"
_NUMBERS = 16
"""`frame_num` has four bits."""


def _ue(value: int) -> str:
    """Exp-Golomb code of an unsigned number (9.1), as bits."""
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


_BEFORE_NUMBER = _ue(0) + _ue(5) + _ue(0)  # first macroblock, slice type P, picture parameters
_FIRST_BITS = int(_BEFORE_NUMBER, 2)


class RepeatedPictures:
    """Numbers a stream's pictures, and makes those that repeat. `macroblocks` a picture."""

    def __init__(self, macroblocks: int) -> None:
        self._number = 0
        """Of the next P picture."""
        self._repeats = [_repeat(number, macroblocks) for number in range(_NUMBERS)]

    def numbered(self, picture: bytes, *, keyframe: bool) -> bytes:
        """A picture of x264's with its number in the stream.

        Raises ProviderFailed where it isn't built as x264 is known to build it.
        """
        if keyframe:
            # Bytes 5 to 7: profile, constraints, level. Then, as bits: sequence 0 (1), four bits
            # of frame_num (1), order of output by order of coding (011).
            if not picture.startswith(_SEQUENCE_PARAMETERS) or picture[8] >> 3 != 0b11011:
                raise ProviderFailed("libx264", "unknown sequence parameters")
            self._number = 1
            return picture
        if not picture.startswith(_P_PICTURE) or picture[5] >> 1 != _FIRST_BITS:
            raise ProviderFailed("libx264", "unknown slice header")
        # The number lies across bytes 5 and 6. Neither can become zero: the first begins with a
        # one, the second holds the code of an unchanged quantizer (1). So no emulation prevention
        # byte is needed that was not, and none is there that is not needed.
        number = self._take()
        first = picture[5] & 0b11111110 | number >> 3
        second = picture[6] & 0b00011111 | (number & 0b111) << 5
        return b"".join((_P_PICTURE, bytes((first, second)), picture[7:]))

    def repeat(self) -> bytes:
        """The picture before, once more."""
        return self._repeats[self._take()]

    def _take(self) -> int:
        number = self._number
        self._number = (number + 1) % _NUMBERS
        return number


def _repeat(number: int, macroblocks: int) -> bytes:
    bits = _BEFORE_NUMBER + f"{number:04b}"
    bits += "000"  # as many references as usual, in the usual order; none is marked
    bits += "1"  # the quantizer is unchanged
    bits += _ue(1)  # no deblocking
    bits += _ue(macroblocks)  # all are skipped
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    # Up to 2**16 macroblocks there are never two zero bytes: nothing to escape.
    return _P_PICTURE + int(bits, 2).to_bytes(len(bits) // 8, "big")
