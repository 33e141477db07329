"""Parses the events of Bedrock's streams for botocore: the JSON of an event is taken as it is.

botocore's own parser walks through all members that the service model knows for an event. That takes twice as long, for
every piece of text. Everything else stays botocore's: the connection, the frames and their checksums, the exceptions
inside a stream, and whatever is not as it should be.
"""

import base64
from typing import Any

from botocore.parsers import EventStreamJSONParser, ResponseParser, ResponseParserFactory, RestJSONParser

from firstbyte.quick_json import parse_json


class EventParserFactory(ResponseParserFactory):  # type: ignore[misc]
    """Makes the parsers of a client's answers: the session's component `response_parser_factory`."""

    def create_parser(self, protocol_name: str) -> ResponseParser:
        """Return the parser for a protocol. Bedrock speaks `rest-json`."""
        return _Parser() if protocol_name == "rest-json" else super().create_parser(protocol_name)


class _EventParser(EventStreamJSONParser):  # type: ignore[misc]
    def parse(self, response: dict[str, Any], shape: Any) -> Any:
        """Return what a message of a stream says: an event is `{its type: its content}`."""
        event_type = response["headers"].get(":event-type")
        if response["status_code"] == 200 and event_type in shape.members:
            try:
                content = parse_json(response["body"].decode())
                if event_type == "chunk":
                    content["bytes"] = base64.b64decode(content["bytes"])
            except Exception:  # noqa: BLE001 - whatever it is, botocore's own parser has an answer to it
                return super().parse(response, shape)
            if isinstance(content, dict):
                return {event_type: content}
        return super().parse(response, shape)


class _Parser(RestJSONParser):  # type: ignore[misc]
    EVENT_STREAM_PARSER_CLS = _EventParser
