"""Why somebody can't watch."""

from __future__ import annotations

from greenroom.errors import ClientError


class CodecNotOffered(ClientError):
    """A viewer's offer takes no video of this codec, or no video at all."""

    def __init__(self, codec: str) -> None:
        self.codec = codec
        super().__init__(f"the picture is {codec.upper()}, which the offer does not take")
