"""The X-Ray trace header of an invocation, as Lambda gives it to the function.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TraceHeader:
    """The header and its fields; a field that is not there is empty.

    Attributes:
        text: the whole header.
        root: the trace's id, as it is looked up.
        parent: the id of Lambda's own segment of this invocation.
        is_sampled: whether the trace is recorded.
    """

    text: str
    root: str
    parent: str
    is_sampled: bool


def parse_trace_header(text: str) -> TraceHeader:
    """Read the header; one that is empty or makes no sense is that of a trace that is not recorded."""
    parts = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    root, parent = parts.get("Root", ""), parts.get("Parent", "")
    return TraceHeader(text, root, parent, bool(root and parent and parts.get("Sampled") == "1"))
