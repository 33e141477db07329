"""One message of `application/vnd.amazon.eventstream`, from headers and payload to bytes; nothing about any service.

The framing, all integers big-endian and unsigned: total length (4 bytes), length of the headers (4), CRC-32 of those
eight bytes (4), the headers, the payload, CRC-32 of everything before it (4). A header is: length of its name (1), its
name, its type (1), and for the type string: length of its value (2), its value. Strings are UTF-8. Other header types
exist; the services that the sandbox stands in for send strings only.

Source: "Amazon event stream encoding" in the AWS SDKs' shared specification (Smithy), and botocore.eventstream.
"""

import struct
from collections.abc import Mapping
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING_TYPE = 7
_MAX_NAME_BYTES = 255
_MAX_VALUE_BYTES = 32_767
# botocore and the other SDKs refuse to read more than this.
_MAX_HEADERS_BYTES = 128 * 1024
_MAX_PAYLOAD_BYTES = 24 * 1024 * 1024
_PRELUDE_BYTES = 12
_CHECKSUM_BYTES = 4


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Frame one message; the headers keep the order of the mapping.

    Raises:
        ValueError: a name, a value, the headers or the payload are longer than the encoding or its readers allow.
    """
    header_block = b"".join(_encode_header(name, value) for name, value in headers.items())
    if len(header_block) > _MAX_HEADERS_BYTES:
        raise ValueError(f"event stream headers take {len(header_block)} bytes, at most {_MAX_HEADERS_BYTES} are read")
    if len(payload) > _MAX_PAYLOAD_BYTES:
        raise ValueError(f"event stream payload takes {len(payload)} bytes, at most {_MAX_PAYLOAD_BYTES} are read")
    total = _PRELUDE_BYTES + len(header_block) + len(payload) + _CHECKSUM_BYTES
    lengths = struct.pack("!II", total, len(header_block))
    message = lengths + struct.pack("!I", crc32(lengths)) + header_block + payload
    return message + struct.pack("!I", crc32(message))


def _encode_header(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode()
    if not 1 <= len(name_bytes) <= _MAX_NAME_BYTES:
        raise ValueError(f"event stream header name takes {len(name_bytes)} bytes, 1 to {_MAX_NAME_BYTES} are possible")
    if len(value_bytes) > _MAX_VALUE_BYTES:
        raise ValueError(
            f"event stream header {name} takes {len(value_bytes)} bytes, at most {_MAX_VALUE_BYTES} are possible"
        )
    return (
        struct.pack("!B", len(name_bytes))
        + name_bytes
        + struct.pack("!BH", _STRING_TYPE, len(value_bytes))
        + value_bytes
    )
