"""The event stream encoder against botocore's decoder, and against recorded responses byte for byte."""

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from bedrock_service import decode
from sandbox.eventstream import encode_message
from tools import recordings

NAMES = st.text(min_size=1, max_size=60).filter(lambda name: len(name.encode()) <= 255)
HEADERS = st.dictionaries(NAMES, st.text(max_size=300), max_size=6)


@given(headers=HEADERS, payload=st.binary(max_size=2000))
def test_what_is_encoded_is_decoded(headers: dict[str, str], payload: bytes) -> None:
    (message,) = decode(encode_message(headers, payload))
    assert list(message.headers.items()) == list(headers.items())
    assert message.payload == payload


def test_a_message_is_decoded_however_it_is_split() -> None:
    first = encode_message({":event-type": "chunk", ":message-type": "event"}, b'{"a":1}')
    second = encode_message({}, b"")
    stream = first + second
    for split in range(len(stream) + 1):
        buffer = EventStreamBuffer()
        buffer.add_data(stream[:split])
        messages = list(buffer)
        buffer.add_data(stream[split:])
        messages += list(buffer)
        assert [message.payload for message in messages] == [b'{"a":1}', b""]
    one_by_one = EventStreamBuffer()
    seen = []
    for byte in stream:
        one_by_one.add_data(bytes([byte]))
        seen += list(one_by_one)
    assert [message.headers for message in seen] == [{":event-type": "chunk", ":message-type": "event"}, {}]


def test_every_byte_is_under_a_checksum() -> None:
    message = encode_message({":event-type": "chunk"}, b"payload")
    for position in range(12, len(message)):
        broken = bytearray(message)
        broken[position] ^= 1
        buffer = EventStreamBuffer()
        buffer.add_data(bytes(broken))
        with pytest.raises(ChecksumMismatch):
            list(buffer)


def test_recorded_responses_are_encoded_to_the_same_bytes() -> None:
    compared = 0
    for recording in sorted(recordings().glob("*.bin")):
        if "invalid" in recording.name:
            continue
        data = recording.read_bytes()
        assert b"".join(encode_message(m.headers, m.payload) for m in decode(data)) == data, recording.name
        compared += 1
    assert compared == 9
