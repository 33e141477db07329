"""CPU per event of the model: what the whole function takes for one more text in an answer.

A process is asked for answers of one text, then for a long one. The difference of its CPU time, over the texts that the
long one has more, is what one event costs. What a request costs is in both, and so in neither.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from bench.peers import bedrock_stub, node
from bench.peers.deployed import bedrock_environment, chat_event, deployed, python_environment, stack_environment
from bench.peers.peer_process import PROGRAMS, PeerProcess, lambda_environment, running
from bench.peers.plan import Plan, in_turn
from bench.peers.runtime_api import PeerError, RuntimeApi
from bench.peers.sample import Sample, Samples
from bench.progress import Told
from bench.sandbox import ROOT

PART = "events"
_PATIENCE_SECONDS = 120.0
# Answers of one text, whose mean is what a request costs.
_SHORT_ANSWERS = 5
# In full, and in the short form.
_WARM_UP_TEXTS = (1_000, 100)
# After its response a function records it, which takes milliseconds. It is at rest when it sleeps and took next to no
# CPU time for so long: Node.js never stops quite.
_REST_SECONDS = 0.05
_REST_CPU_SECONDS = 0.0002
# More than an environment needs.
_ENVIRONMENT_BYTES = {"firstbyte": 100_000_000, "node": 150_000_000}


@dataclass(frozen=True)
class Case:
    """How events come: in so many streams at once, in which pace, and how many texts each stream has."""

    name: str
    streams: int
    every_ms: int
    texts: int


@dataclass(frozen=True)
class Fleet:
    """Environments of one function that are asked at once: each has a process, and an address at the Runtime API."""

    api: RuntimeApi
    processes: Mapping[str, PeerProcess]

    def ask(self, texts: int, every_ms: int, times: int = 1) -> None:
        """Ask all for answers with so many texts, one every so many milliseconds."""
        event = chat_event(bedrock_stub.prompt(texts, every_ms), "text/event-stream")
        self.api.invoke(dict.fromkeys(self.processes, event), times, self.check, _PATIENCE_SECONDS)

    def cpu_seconds(self) -> float:
        """Wait until all are at rest; return the CPU time that they took so far."""
        until = time.monotonic() + _PATIENCE_SECONDS
        before = -1.0
        while True:
            now = sum(each.cpu_seconds() for each in self.processes.values())
            if now - before < _REST_CPU_SECONDS * len(self.processes) and not self._any_runs():
                return now
            if time.monotonic() > until:
                raise PeerError(f"a function is not at rest {_PATIENCE_SECONDS:.0f} s after its response")
            before = now
            time.sleep(_REST_SECONDS)

    def _any_runs(self) -> bool:
        processes = (psutil.Process(each.process.pid) for each in self.processes.values())
        return any(each.status() == psutil.STATUS_RUNNING for each in processes)

    def check(self) -> None:
        """Raise `PeerError` if any of them has ended."""
        for process in self.processes.values():
            process.check()


def measure(plan: Plan, told: Told, root: Path = ROOT) -> list[Sample]:
    """Measure all peers in turn, round by round. What there is too little memory for is left out.

    Args:
        plan: how much.
        told: hears how far it is.
        root: the checkout whose function is measured.

    Raises:
        PeerError: a peer failed.
    """
    measured = cases(plan)
    samples = Samples(PART)
    for number, case in enumerate(measured):
        told(f"{PART}: starting what answers {case.name}", 0, 0)
        # Each case has environments of its own, so that there are no more of them than are asked.
        with ExitStack() as stack:
            measures = _measures(case, plan, stack, root)
            for turn in range(plan.rounds):
                told(f"{PART}, rounds", number * plan.rounds + turn, len(measured) * plan.rounds)
                for peer in in_turn(list(measures), turn):
                    samples.add(case.name, peer, "cpu_us_per_event", measures[peer]() * 1e6)
    return samples.all()


def cases(plan: Plan) -> list[Case]:
    """Return what is measured."""
    # Models write some 50 texts a second.
    if plan.is_quick:
        return [Case("flat out", 1, 0, 2_000), Case("4 streams", 4, 20, 50)]
    paced = [Case(f"{count} stream{'s' * (count > 1)}", count, 20, 50) for count in (1, 10, 50)]
    return [Case("flat out", 1, 0, 20_000), *paced]


def _measures(case: Case, plan: Plan, stack: ExitStack, root: Path) -> dict[str, Callable[[], float]]:
    """Start what the case needs; return what measures each peer once, in seconds."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    api = stack.enter_context(RuntimeApi())
    bedrock = stack.enter_context(bedrock_stub.running())
    form = deployed(root).with_pyc
    functions = folder / "node"
    node.bundle(functions)

    def in_python(address: str) -> dict[str, str]:
        return stack_environment(form, address, bedrock)

    def in_node(address: str) -> dict[str, str]:
        return {**lambda_environment(address, "node_chat.handler", functions), **bedrock_environment(bedrock)}

    measures: dict[str, Callable[[], float]] = {}
    for name, command, variables in (
        ("firstbyte", form.command, in_python),
        ("node", ["node", str(node.runtime_interface_client())], in_node),
    ):
        if case.streams * _ENVIRONMENT_BYTES[name] > psutil.virtual_memory().available:
            continue
        asked = stack.enter_context(fleet(name, command, variables, api, folder, case.streams))
        # The first response imports what records it, and what runs often is compiled or specialized.
        asked.ask(_WARM_UP_TEXTS[plan.is_quick], 0)
        measures[name] = partial(seconds_per_event, asked, case)
    if case.streams == 1:
        measures["floor"] = partial(_decoding, form.python, bedrock, case)
    return measures


@contextmanager
def fleet(
    name: str,
    command: Sequence[str],
    environment: Callable[[str], Mapping[str, str]],
    api: RuntimeApi,
    folder: Path,
    size: int,
) -> Iterator[Fleet]:
    """Run so many environments of a function while the body runs.

    Args:
        name: what it is called in messages.
        command: what runs it.
        environment: its variables, for an address of the Runtime API.
        api: the Runtime API.
        folder: takes what it prints.
        size: how many.
    """
    with ExitStack() as stack:
        processes = {}
        for number in range(size):
            address = api.listen()
            processes[address] = stack.enter_context(running(f"{name}-{number}", command, environment(address), folder))
        for address, process in processes.items():
            api.asked_at(address, process.check, _PATIENCE_SECONDS)
        yield Fleet(api, processes)


def seconds_per_event(asked: Fleet, case: Case) -> float:
    """Return the CPU time of one event: of one more text in an answer."""
    before = asked.cpu_seconds()
    asked.ask(1, case.every_ms, _SHORT_ANSWERS)
    between = asked.cpu_seconds()
    asked.ask(case.texts, case.every_ms)
    after = asked.cpu_seconds()
    return _per_event((between - before) / _SHORT_ANSWERS, after - between, case.texts) / case.streams


def _per_event(short: float, long: float, texts: int) -> float:
    return (long - short) / (texts - 1)


def _decoding(python: Path, bedrock: str, case: Case) -> float:
    """Return the CPU time that botocore takes to decode an event, in a program that does nothing else."""
    counts = (1, *[1] * _SHORT_ANSWERS, case.texts)  # the first one connects
    prompts = [bedrock_stub.prompt(count, case.every_ms) for count in counts]
    done = subprocess.run(  # noqa: S603 - no shell reads the paths
        [str(python), str(PROGRAMS / "decode.py"), *prompts],
        env={**python_environment("", "", PROGRAMS), **bedrock_environment(bedrock)},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise PeerError(f"decode.py failed:\n{done.stderr[-2000:]}")
    _, *short, long = json.loads(done.stdout)
    return _per_event(sum(short) / _SHORT_ANSWERS, long, case.texts)
