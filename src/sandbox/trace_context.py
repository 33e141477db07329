"""An invocation's place in a trace: what the caller's trace header says, and the segments that Lambda adds.

https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime

_ROOT = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
_SEGMENT_ID = re.compile(r"[0-9a-f]{16}")


def new_segment_id() -> str:
    """Return an id for a segment or subsegment."""
    return secrets.token_hex(8)


@dataclass(frozen=True)
class TraceContext:
    """One invocation in one trace.

    Attributes:
        trace_id: of the whole trace.
        parent_id: the caller's segment, None if it named none.
        sampled: whether anybody records anything.
        service_segment_id: Lambda's segment, from the request to the response.
        function_segment_id: the segment of the function's own work, below Lambda's.
    """

    trace_id: str
    parent_id: str | None
    sampled: bool
    service_segment_id: str = field(default_factory=new_segment_id)
    function_segment_id: str = field(default_factory=new_segment_id)

    @property
    def header(self) -> str:
        """The trace header that the runtime gets: what the function records hangs below its own segment."""
        return f"Root={self.trace_id};Parent={self.function_segment_id};Sampled={self.sampled:d}"


def trace_context(given: str | None, active: bool, now: datetime) -> TraceContext:
    """Return the place of a new invocation.

    Args:
        given: the caller's trace header. Its trace goes on, and its decision on sampling counts.
        active: whether the function's tracing is active. Lambda then samples the first request of every second and 5 %
            of the others where the caller left it open; here every request is sampled, so that each can be looked at.
        now: when the request came in.
    """
    fields = dict(part.strip().partition("=")[::2] for part in (given or "").split(";"))
    if not _ROOT.fullmatch(fields.get("Root", "")):
        fields = {"Root": f"1-{int(now.timestamp()):08x}-{secrets.token_hex(12)}"}
    parent = fields.get("Parent", "")
    return TraceContext(
        trace_id=fields["Root"],
        parent_id=parent if _SEGMENT_ID.fullmatch(parent) else None,
        sampled={"0": False, "1": True}.get(fields.get("Sampled", ""), active),
    )
