"""Frames to text and hostile text to frames: parsed once, here, into typed values or one named error."""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec

from link.protocol.errors import BadMessage, TooLarge, UnknownMessage
from link.protocol.frames import FRAME_BYTES, VERSION, ClientFrame, Frame, ServerFrame

T = TypeVar("T")

UNKNOWN_TAG: Final = re.compile(r"^Invalid value .* - at `\$\.(frame|body\.type)`$", re.DOTALL)

_encoder: Final = msgspec.json.Encoder()
_client: Final[msgspec.json.Decoder[ClientFrame]] = msgspec.json.Decoder(ClientFrame)
_server: Final[msgspec.json.Decoder[ServerFrame]] = msgspec.json.Decoder(ServerFrame)


def encode(frame: Frame) -> bytes:
    """Return the UTF-8 JSON of ``frame``. Raises TooLarge over 64 KiB, which is the sender's mistake."""
    data = _encoder.encode(frame)
    if len(data) > FRAME_BYTES:
        raise TooLarge(f"frame of {len(data)} bytes")
    return data


def decode_client(data: bytes | str) -> ClientFrame:
    """Parse what a client sent. Raises TooLarge, UnknownMessage or BadMessage; nothing else."""
    return _decode(_client, data)


class _AnyHello(msgspec.Struct, tag_field="frame", tag="hello"):
    version: int


_any_hello: Final = msgspec.json.Decoder(_AnyHello)


def foreign_version(data: bytes | str) -> bool:
    """Whether this is a hello of another protocol version, whatever else such a hello may hold."""
    try:
        return len(data) <= FRAME_BYTES and _any_hello.decode(data).version != VERSION
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def decode_server(data: bytes | str) -> ServerFrame:
    """Parse what a server sent. Raises TooLarge, UnknownMessage or BadMessage; nothing else."""
    return _decode(_server, data)


def _decode(decoder: msgspec.json.Decoder[T], data: bytes | str) -> T:
    if len(data) > FRAME_BYTES:
        raise TooLarge("frame over 64 KiB")
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        # msgspec's text names the path and the expectation, never a value, but it does repeat an unknown tag.
        text = str(error)
        if UNKNOWN_TAG.search(text):
            raise UnknownMessage("unknown frame or message type") from None
        raise BadMessage(text[:160]) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadMessage(f"not a frame: {type(error).__name__}") from None
