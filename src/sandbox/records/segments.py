"""The two segments that Lambda itself adds to a trace.

https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
"""

from typing import Any

from sandbox.invocation import Invocation
from sandbox.lambda_service.function import FunctionSpec
from sandbox.records.run import Phase, Run
from sandbox.trace_context import new_segment_id
from template.resources import ACCOUNT_ID

Document = dict[str, Any]


def service_segment(spec: FunctionSpec, invocation: Invocation, end: float, status: int) -> Document:
    """The request's way through Lambda.

    Args:
        spec: the function.
        invocation: the request; it may not have run.
        end: when the client had its response, in seconds since 1970.
        status: of the response that the client got.
    """
    trace = invocation.trace
    document: Document = {
        "id": trace.service_segment_id,
        "trace_id": trace.trace_id,
        "name": spec.name,
        "start_time": invocation.received,
        "end_time": end,
        "origin": "AWS::Lambda",
        "resource_arn": invocation.function_arn,
        "http": {"response": {"status": status}},
        "aws": {"request_id": invocation.request_id},
    }
    if trace.parent_id:
        document["parent_id"] = trace.parent_id
    # X-Ray's meaning of the three: 4XX, 429, and 5XX or an exception.
    flags = {
        "error": 400 <= status < 500,
        "throttle": status == 429,
        "fault": status >= 500 or invocation.error is not None,
    }
    return document | {name: True for name, is_set in flags.items() if is_set}


def function_segment(spec: FunctionSpec, run: Run) -> Document:
    """The function's own work. The segments that the function itself sends are below it.

    There is no subsegment `Overhead`: the sandbox measures nothing for it.
    """
    trace = run.invocation.trace
    init, invoke = run.init, run.invoke
    subsegments = [_subsegment("Initialization", init, failed=invoke is None)] if init else []
    subsegments += [_subsegment("Invocation", invoke, failed=run.failed)] if invoke else []
    return {
        "id": trace.function_segment_id,
        "trace_id": trace.trace_id,
        "parent_id": trace.service_segment_id,
        "name": spec.name,
        "start_time": subsegments[0]["start_time"],
        "end_time": subsegments[-1]["end_time"],
        "origin": "AWS::Lambda::Function",
        "aws": {"account_id": ACCOUNT_ID, "function_arn": spec.unqualified_arn, "resource_names": [spec.name]},
        "subsegments": subsegments,
        **_fault(run.failed),
    }


def _subsegment(name: str, phase: Phase, *, failed: bool) -> Document:
    return {
        "id": new_segment_id(),
        "name": name,
        "start_time": phase.start,
        "end_time": phase.end,
        **_fault(failed),
    }


def _fault(failed: bool) -> Document:
    return {"fault": True} if failed else {}
