"""The X-Ray trace header of an invocation, as Lambda gives it to the function.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

from typing import NamedTuple


class TraceHeader(NamedTuple):
    """The header and its fields. A missing field is empty.

    Attributes:
        text: the whole header.
        root: the trace's id, with which the trace is looked up.
        parent: the id of Lambda's own segment for this invocation.
        is_sampled: whether the trace is recorded.
    """

    text: str
    root: str
    parent: str
    is_sampled: bool


def parse_trace_header(text: str) -> TraceHeader:
    """Return the fields of a header. If it is empty or makes no sense, the trace counts as not recorded."""
    parts = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    root, parent = parts.get("Root", ""), parts.get("Parent", "")
    return TraceHeader(text, root, parent, bool(root and parent and parts.get("Sampled") == "1"))
