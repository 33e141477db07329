"""Invocations as the platform has measured them, with figures chosen by the tests."""

from pathlib import Path

from sandbox.invocation import FunctionError, Invocation
from sandbox.lambda_service.function import FunctionSpec
from sandbox.records.run import Phase, Run
from sandbox.trace_context import TraceContext

REQUEST_ID = "27df07c5-1c35-42eb-ae6f-55193c404205"
TRACE_ID = "1-5759e988-bd862e3fe1be46a994272793"
CALLER, SERVICE, FUNCTION = "a" * 16, "b" * 16, "c" * 16
RECEIVED = 1_795_000_000.0
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:talk"

SPEC = FunctionSpec(
    logical_id="Talk",
    name="talk",
    handler="app.handler",
    runtime="python3.13",
    timeout=3,
    memory=512,
    environment={},
    code=Path(),
    layers=(),
    wrapper=None,
    reserved_concurrency=None,
    auth_type="AWS_IAM",
    alias="live",
    log_group="/group",
    log_level=None,
    tracing="Active",
    region="eu-west-1",
    notices=(),
)


def invocation(*, sampled: bool = True, parent: str | None = CALLER, arn: str = f"{ARN}:live") -> Invocation:
    """One that came in at RECEIVED."""
    trace = TraceContext(TRACE_ID, parent, sampled, SERVICE, FUNCTION)
    made = Invocation(b"{}", trace, REQUEST_ID, arn)
    made.received = RECEIVED
    return made


def run(
    of: Invocation,
    *,
    init: float | None = None,
    invoke: float | None = 0.1,
    failure: FunctionError | None = None,
    memory_mb: int = 87,
) -> Run:
    """One in which each phase took so many seconds, half a second after the request."""
    start = RECEIVED + 0.5
    return Run(
        of,
        None if init is None else Phase(start, init),
        None if invoke is None else Phase(start + (init or 0), invoke),
        failure,
        memory_mb,
    )
