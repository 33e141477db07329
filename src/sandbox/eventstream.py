"""Encodes messages of `application/vnd.amazon.eventstream`; nothing about any service.

The framing, all integers big-endian and unsigned: total length (4 bytes), length of the headers (4), CRC-32 of those
eight bytes (4), the headers, the payload, CRC-32 of everything before it (4). A header is: length of its name (1), its
name, its type (1), and for the type string: length of its value (2), its value. Strings are UTF-8. Other header types
exist; the services that the sandbox stands in for send strings only.

Source: "Amazon event stream encoding" in the AWS SDKs' shared specification (Smithy), and botocore.eventstream.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING_TYPE = 7
_PRELUDE_BYTES = 12
_CHECKSUM_BYTES = 4


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one framed message. The headers keep the order of the mapping.

    The SDKs read payloads of up to 24 MiB and headers of up to 128 KiB. The services that send these messages have
    smaller limits of their own.

    Raises:
        struct.error: a name takes more than 255 bytes, or a value more than 65,535.
    """
    header_block = _header_block(tuple(headers.items()))
    total = _PRELUDE_BYTES + len(header_block) + len(payload) + _CHECKSUM_BYTES
    lengths = struct.pack("!II", total, len(header_block))
    message = lengths + struct.pack("!I", crc32(lengths)) + header_block + payload
    return message + struct.pack("!I", crc32(message))


@lru_cache(maxsize=64)  # the events of a stream have a handful of headers between them
def _header_block(headers: tuple[tuple[str, str], ...]) -> bytes:
    return b"".join(_encode_header(name.encode(), value.encode()) for name, value in headers)


def _encode_header(name: bytes, value: bytes) -> bytes:
    return struct.pack("!B", len(name)) + name + struct.pack("!BH", _STRING_TYPE, len(value)) + value
