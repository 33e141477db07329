"""The recorder is told what happens, and records what AWS would: log events, metrics and trace segments.

No method waits for anything. While a response is on its way, the recorder deals with lines of the log alone.
"""

import time
from dataclasses import dataclass

from sandbox.banner import print_function_line
from sandbox.cloudwatch.emf import emf_points
from sandbox.cloudwatch.metrics import Metrics
from sandbox.invocation import Invocation
from sandbox.lambda_service.function import FunctionSpec
from sandbox.logs.logs import Logs
from sandbox.records import lambda_metrics, report_lines, segments
from sandbox.records.run import Phase, Run
from sandbox.xray.traces import Traces


@dataclass(frozen=True)
class LogStream:
    """The log stream of one environment; the label stands before its lines in the terminal."""

    label: str
    name: str


class Recorder:
    """The records of one function."""

    def __init__(self, spec: FunctionSpec, logs: Logs, metrics: Metrics, traces: Traces) -> None:
        self._spec = spec
        self._logs = logs
        self._metrics = metrics
        self._traces = traces

    def printed(self, stream: LogStream, line: str) -> None:
        """The function has printed a line. A document of metrics is too long to print on the terminal."""
        self._log(stream, line)
        if points := emf_points(line):
            self._metrics.put(points)
        else:
            self.said(stream, line)

    def said(self, stream: LogStream, line: str) -> None:
        """The sandbox says something about an environment that Lambda would not write into its log."""
        print_function_line(stream.label, line)

    def init_started(self, stream: LogStream) -> None:
        """An environment's process is about to start."""
        self._log(stream, report_lines.init_start(self._spec))

    def invoked(self, invocation: Invocation, at_work: int) -> None:
        """An invocation has got an environment; with it, `at_work` environments are busy."""
        self._metrics.put(lambda_metrics.start_points(invocation, at_work))

    def throttled(self, invocation: Invocation) -> None:
        """An invocation has got no environment."""
        self._metrics.put(lambda_metrics.throttle_points(invocation))

    def delivered(self, stream: LogStream, invocation: Invocation) -> None:
        """An environment gets its event now."""
        self._log(stream, report_lines.start(invocation))

    def finished(self, stream: LogStream, run: Run) -> None:
        """An environment has finished an invocation, and `printed` has had all of its lines."""
        invocation = run.invocation
        if run.invoke is None:
            assert run.init, "only a failed init phase ends a run before its event is delivered"
            assert run.failure
            self._log(stream, report_lines.init_report(run.init, run.failure))
            self._log(stream, report_lines.start(invocation))
        self._log(stream, report_lines.end(invocation))
        self._log(stream, report_lines.report(run, self._spec))
        self._metrics.put(lambda_metrics.end_points(run))
        if invocation.trace.sampled:
            self._traces.put(segments.function_segment(self._spec, run))

    def answered(self, invocation: Invocation, status: int) -> None:
        """The client of an invocation, throttled or not, has got all of the response that it will get."""
        if invocation.trace.sampled:
            self._traces.put(segments.service_segment(self._spec, invocation, time.time(), status))

    def url_answered(self, handling: Phase, status: int) -> None:
        """The function, or the sandbox in its place, has answered a request to the Function URL."""
        self._metrics.put(lambda_metrics.url_points(self._spec.arn, handling, status))

    def _log(self, stream: LogStream, message: str) -> None:
        self._logs.put(self._spec.log_group, stream.name, int(time.time() * 1000), message)
